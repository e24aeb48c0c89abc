import Bytes

/// The problems found in a recipe, collected so that all are reported at once.
final class RecipeProblems {
  /// One problem, with its line if known.
  struct Problem {
    let line: Int?
    let kind: Failure.Kind
    let text: String
  }

  let file: String
  private(set) var all: [Problem] = []
  /// The line of each field, by section and name.
  var lines: [String: Int] = [:]
  /// Whether the recipe is read only to plan a build.
  private let isPlanning: Bool
  /// Whether missing files are listed in `missing` instead of being problems.
  private var allowsMissing = false
  /// Missing files of a planned build, one sentence each.
  private(set) var missing: [String] = []
  /// The maximum number of problems shown.
  private static let shown = 20

  init(file: String, isPlanning: Bool = false) {
    self.file = file
    self.isPlanning = isPlanning
  }

  /// Makes missing files no problem from here on, if the recipe is read for planning.
  func allowMissingFiles() { allowsMissing = isPlanning }

  /// Adds a problem.
  func add(_ line: Int?, _ text: String, kind: Failure.Kind = .invalidData) {
    if kind == .inputMissing, allowsMissing { return missing.append(text) }
    all.append(Problem(line: line, kind: kind, text: text))
  }

  /// Checks that there is no problem.
  ///
  /// - Throws: a `Failure` listing the problems: `inputMissing` if all of them are missing files,
  ///   `invalidData` otherwise.
  func check() throws(Failure) {
    guard !all.isEmpty else { return }
    let kind: Failure.Kind =
      all.allSatisfy { $0.kind == .inputMissing } ? .inputMissing : .invalidData
    let sorted = all.enumerated().sorted {
      ($0.element.line ?? 0, $0.offset) < ($1.element.line ?? 0, $1.offset)
    }.map(\.element)
    if sorted.count == 1 {
      throw Failure(kind, file: file, at: place(sorted[0]), sorted[0].text)
    }
    var lines = sorted.prefix(Self.shown).map { problem in
      (place(problem).map { $0 + ": " } ?? "") + problem.text
    }
    if sorted.count > Self.shown { lines.append("and \(sorted.count - Self.shown) more") }
    throw Failure(kind, file: file, "\(sorted.count) problems", list: lines)
  }

  private func place(_ problem: Problem) -> String? { problem.line.map { "line \($0)" } }
}
