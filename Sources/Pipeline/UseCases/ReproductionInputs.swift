import Builds
import BundleFormat
import Bytes

/// The files that a recipe names today, beside those that a bundle records: checkpoint and texts by
/// role, and the bundle from which a prompt started.
struct ReproductionInputs: Sendable {
  /// The names and digests of today's files, by role, as the canonical recipe lists them.
  private(set) var files: [String: [(name: String, digest: SHA256Digest)]] = [:]

  /// Digests the files and compares them with those recorded. A role that only the recipe or only
  /// the bundle has is a difference of recipes, and no problem here.
  ///
  /// - Parameter sources: the paths of the checkpoint's files.
  /// - Throws: `inputMissing` if a file is missing; `invalidData` naming every file that is another
  ///   one than the bundle was made from.
  init(_ recipe: Recipe, sources: [String], recorded: Provenance, bundle: String) throws(Failure) {
    var problems: [String] = []
    for path in sources.sorted() {
      let digest = try FileDigest.of(path).digest
      let name = PathNames.last(path)
      files["model", default: []].append((name, digest))
      guard !recorded.sourceFiles.isEmpty else { continue }
      let known = recorded.sourceFiles.first { $0.name == name }?.sha256
      problems += Self.problem(RecordedInput.model, path, digest, known, needsRecord: true)
    }
    for known in recorded.sourceFiles
    where !sources.contains(where: { PathNames.last($0) == known.name }) {
      problems.append("model: \(recipe.model) has no file \(known.name), which the bundle records")
    }
    for (role, path) in recipe.texts {
      let digest = try FileDigest.of(path).digest
      files[role, default: []].append((PathNames.last(path), digest))
      let known = recorded.data.first { $0.role == role }?.sha256
      problems += Self.problem(role, path, digest, known, needsRecord: false)
    }
    if let path = recipe.prompt?.startFrom?.bundle, let known = recorded.initialPrompt {
      let found = try FileDigest.of(path).digest
      let isSameContent =
        found != known.sha256
        && (try? ModelBundle(path: path))?.canonicalDigest == known.content
      problems += Self.problem(
        RecordedInput.start, path, found, known.sha256, needsRecord: false
      ).map { isSameContent ? $0 + "; the content is the same, stored in another way" : $0 }
    }
    guard problems.isEmpty else {
      let isOne = problems.count == 1
      let inputs = isOne ? "an input" : "\(problems.count) inputs"
      throw Failure(
        .invalidData, file: bundle,
        "\(inputs) of the recipe \(isOne ? "differs" : "differ") from what the bundle was made from",
        list: problems, advice: "put the recorded files where the recipe names them")
    }
  }

  private static func problem(
    _ role: String, _ path: String, _ found: SHA256Digest, _ known: SHA256Digest?,
    needsRecord: Bool
  ) -> [String] {
    guard let known else {
      return needsRecord ? ["\(role): \(path) isn't among the files that the bundle records"] : []
    }
    return found == known
      ? [] : ["\(role): \(path) has the SHA-256 \(found.hex), the bundle records \(known.hex)"]
  }
}
