import BundleFormat
import Bytes

/// A file that a build read, as the bundle records it.
package struct RecordedInput: Sendable, Equatable {
  /// Its places in the recipe: "model", "calibration", "evaluation dev", "init_from".
  package internal(set) var roles: [String]
  /// The file's name, without a path.
  package let name: String
  package let sha256: SHA256Digest
  /// The size in bytes; nil if it isn't recorded.
  package let bytes: Int?

  /// The role of the files of a checkpoint.
  static let model = "model"
  /// The role of the bundle with the prompt to start from.
  static let start = "init_from"

  /// The input in words: `train.txt (calibration, training), SHA-256 …`.
  package var label: String {
    "\(name) (\(roles.joined(separator: ", "))), SHA-256 \(sha256.hex)"
  }

  /// Returns the inputs of a bundle's build; a file of several roles once.
  ///
  /// - Throws: `invalidData` if the bundle records no build, not all of its files, or a name that is a
  ///   path.
  static func all(of bundle: ModelBundle) throws(Failure) -> [RecordedInput] {
    let recorded = try bundle.recordedBuild
    guard !recorded.sourceFiles.isEmpty else {
      throw StoredRecipe.needsFile(bundle.path, "doesn't record the files of its checkpoint")
    }
    var all: [RecordedInput] = []
    var known: [String: Int] = [:]
    func add(_ role: String, _ name: String, _ sha256: SHA256Digest, _ bytes: Int? = nil) {
      // The name is a part of what a build makes, so equal files of two names are two inputs.
      if let place = known["\(sha256.hex) \(name)"] {
        if all[place].roles.last != role { all[place].roles.append(role) }
      } else {
        known["\(sha256.hex) \(name)"] = all.count
        all.append(RecordedInput(roles: [role], name: name, sha256: sha256, bytes: bytes))
      }
    }
    for file in recorded.sourceFiles { add(model, file.name, file.sha256, file.bytes) }
    for text in recorded.data { add(text.role, text.name, text.sha256) }
    if let start = recorded.initialPrompt {
      add(Self.start, start.name, start.sha256)
    } else if try StoredRecipe(of: bundle).startsFromABundle {
      throw StoredRecipe.needsFile(
        bundle.path, "doesn't record the bundle from which its prompt started")
    }
    for input in all where !isFileName(input.name) {
      throw Failure(
        .invalidData, file: bundle.path, at: "provenance",
        "the name `\(input.name)` of an input is no file's name", advice: "give the recipe's file",
        reason: .recipeNeeded)
    }
    return all
  }

  /// Whether a name from a bundle can be the name of a file in a folder, and leads nowhere else.
  private static func isFileName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && name != "." && name != ".."
      && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }
}

extension ModelBundle {
  /// The bundle's record of its build.
  ///
  /// - Throws: `invalidData` if the bundle records no stages.
  var recordedBuild: Provenance {
    get throws(Failure) {
      guard let recorded = try provenance, !recorded.stages.isEmpty else {
        throw Failure(
          .invalidData, file: path, "records no build that could be repeated",
          advice: "only bundles that `ctpack run` made record their stages")
      }
      return recorded
    }
  }
}
