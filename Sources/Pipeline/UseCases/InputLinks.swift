import BundleFormat
import Bytes
import Foundation

/// A folder of links to the files that a build read, under the names that the bundle records. The names
/// are a part of what a build makes, and the files of a checkpoint are read from one folder.
package struct InputLinks {
  /// The path of each input by its role; of a checkpoint of several files that of their folder.
  package let paths: [String: String]

  /// Makes the links.
  ///
  /// - Parameter folder: the folder, which must not exist; its owner removes it.
  /// - Throws: `cannotCreate`; `invalidData` if two files of the checkpoint have one name.
  package init(
    to places: [(input: RecordedInput, path: String)], in folder: String
  ) throws(Failure) {
    var paths: [String: String] = [:]
    var model: [String] = []
    for (index, (input, path)) in places.enumerated() {
      if input.roles.contains(RecordedInput.model) {
        guard !model.contains(input.name) else {
          throw Failure(
            .invalidData, at: "provenance", "two files of the checkpoint are called \(input.name)")
        }
        model.append(input.name)
        try Self.link(input.name, to: path, in: "\(folder)/model")
      }
      let texts = input.roles.filter { $0 != RecordedInput.model }
      if texts.isEmpty { continue }
      let place = try Self.link(input.name, to: path, in: "\(folder)/\(index)")
      for role in texts { paths[role] = place }
    }
    // Any part of a split GGUF file stands for all.
    let file = model.contains("config.json") ? nil : model.min()
    paths[RecordedInput.model] = "\(folder)/model" + (file.map { "/" + $0 } ?? "")
    self.paths = paths
  }

  /// Makes a link and its folder; returns the link's path.
  @discardableResult
  private static func link(
    _ name: String, to path: String, in folder: String
  ) throws(Failure) -> String {
    let link = "\(folder)/\(name)"
    let manager = FileManager.default
    do {
      try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try manager.createSymbolicLink(
        atPath: link,
        withDestinationPath: path.hasPrefix("/") ? path : manager.currentDirectoryPath + "/" + path)
    } catch {
      throw Failure(.cannotCreate, file: link, "can't be created")
    }
    return link
  }
}

extension Recipe {
  /// The recipe that `bundle` stores, with its inputs at the places of `links`.
  ///
  /// - Throws: `invalidData` if this version of the program can't read it.
  package init(storedIn bundle: ModelBundle, inputs links: InputLinks) throws(Failure) {
    self = try StoredRecipe(of: bundle).recipe(paths: links.paths)
  }
}
