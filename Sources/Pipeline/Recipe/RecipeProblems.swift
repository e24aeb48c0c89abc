import Bytes

/// Everything wrong with a recipe, collected so that all of it is shown at once.
final class RecipeProblems {
  struct Problem {
    let line: Int?
    let kind: Failure.Kind
    let text: String
  }

  let file: String
  private(set) var all: [Problem] = []
  /// The line of each field, by section and name.
  var lines: [String: Int] = [:]
  /// Whether the recipe is read for planning a build.
  private let isPlanning: Bool
  /// Whether files that aren't there are no problem, only worth saying.
  private var allowsMissing = false
  private(set) var missing: [String] = []
  /// The most problems that are shown.
  private static let shown = 20

  init(file: String, isPlanning: Bool = false) {
    self.file = file
    self.isPlanning = isPlanning
  }

  func allowMissingFiles() { allowsMissing = isPlanning }

  func add(_ line: Int?, _ text: String, kind: Failure.Kind = .invalidData) {
    if kind == .inputMissing, allowsMissing { return missing.append(text) }
    all.append(Problem(line: line, kind: kind, text: text))
  }

  /// Throws where there is a problem: `inputMissing` if files are missing and nothing else is
  /// wrong, otherwise `invalidData`.
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
      "\n  " + (place(problem).map { $0 + ": " } ?? "") + problem.text
    }
    if sorted.count > Self.shown { lines.append("\n  and \(sorted.count - Self.shown) more") }
    throw Failure(kind, file: file, "\(sorted.count) problems" + lines.joined())
  }

  private func place(_ problem: Problem) -> String? { problem.line.map { "line \($0)" } }
}
