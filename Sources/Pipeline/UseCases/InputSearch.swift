import Builds
import BundleFormat
import Bytes
import Foundation

/// The search for the files that a bundle's build read, by the digests that the bundle records: files
/// may have been renamed, and lie in any folder.
package struct InputSearch {
  package let inputs: [RecordedInput]
  /// The bundle's path, for errors.
  private let bundle: String
  /// The path of each input; nil where none was found yet.
  private var places: [String?]
  /// Files of the folders that couldn't be read.
  private var unreadable: Set<String> = []

  /// - Throws: `invalidData` if the bundle doesn't record what its build read.
  package init(for bundle: ModelBundle) throws(Failure) {
    self.bundle = bundle.path
    inputs = try RecordedInput.all(of: bundle)
    places = Array(repeating: nil, count: inputs.count)
  }

  /// Takes the file at `path`, or the files in the folder there, for the inputs of the recorded name or
  /// the role `name`.
  ///
  /// - Throws: `usage` if the bundle records no such input; `inputMissing` if there is no file;
  ///   `invalidData` if it is another one.
  package mutating func take(_ path: String, as name: String) throws(Failure) {
    let meant = inputs.indices.filter {
      inputs[$0].name == name || inputs[$0].roles.contains(name)
    }
    guard !meant.isEmpty else {
      throw Failure(
        .usage, file: bundle, "records no input `\(name)`; it records", list: inputs.map(\.label))
    }
    if Self.isFolder(path) { return try search([path], for: meant) }
    let digest = try FileDigest.of(path).digest
    let same = meant.filter { inputs[$0].sha256 == digest }
    guard !same.isEmpty else {
      throw Failure(
        .invalidData, file: path, "has the SHA-256 \(digest.hex), but the bundle records",
        list: meant.map { inputs[$0].label }, advice: "give the file that the bundle was made from")
    }
    for input in same { places[input] = path }
  }

  /// Searches folders and those in them for all inputs without a file.
  ///
  /// - Throws: `inputMissing` if one of the folders is missing.
  package mutating func search(_ folders: [String]) throws(Failure) {
    try search(folders, for: Array(inputs.indices))
  }

  /// The inputs with the path of each.
  ///
  /// - Throws: `inputMissing` listing the inputs that weren't found.
  package func found() throws(Failure) -> [(input: RecordedInput, path: String)] {
    let missing = zip(inputs, places).filter { $0.1 == nil }.map(\.0.label)
    guard missing.isEmpty else {
      let isOne = missing.count == 1
      let count = isOne ? "an input" : "\(missing.count) inputs"
      throw Failure(
        .inputMissing, file: bundle,
        "\(count) of its build \(isOne ? "wasn't" : "weren't") found",
        list: missing + unreadable.sorted().map { "\($0) can't be read" }, reason: .inputsNeeded)
    }
    return zip(inputs, places).compactMap { input, path in path.map { (input, $0) } }
  }

  private mutating func search(_ folders: [String], for meant: [Int]) throws(Failure) {
    func isOpen(_ input: Int) -> Bool { places[input] == nil }
    if !meant.contains(where: isOpen) { return }
    var files: [(path: String, size: Int)] = []
    for folder in folders { files += try Self.files(in: folder) }
    // Most files have their recorded name, so that few others are read as a whole.
    let named = Dictionary(grouping: meant.filter(isOpen)) { inputs[$0].name }
    for (path, size) in files {
      let possible = (named[PathNames.last(path)] ?? []).filter {
        isOpen($0) && inputs[$0].bytes ?? size == size
      }
      guard !possible.isEmpty, let digest = try digest(of: path) else { continue }
      for input in possible where inputs[input].sha256 == digest { places[input] = path }
    }
    let left = meant.filter(isOpen)
    let wanted = Dictionary(grouping: left) { inputs[$0].sha256.hex }
    let sizes = Set(left.map { inputs[$0].bytes })
    for (path, size) in files where sizes.contains(nil) || sizes.contains(size) {
      if !left.contains(where: isOpen) { return }
      guard let digest = try digest(of: path) else { continue }
      for input in wanted[digest.hex] ?? [] where isOpen(input) { places[input] = path }
    }
  }

  /// The digest of a file; nil if it can't be read.
  private mutating func digest(of path: String) throws(Failure) -> SHA256Digest? {
    do throws(Failure) {
      return try FileDigest.of(path).digest
    } catch {
      if error.kind == .interrupted { throw error }
      unreadable.insert(path)
      return nil
    }
  }

  /// The regular files in a folder and in those below, sorted, with their sizes. Links to files are
  /// followed, those to folders aren't.
  private static func files(in folder: String) throws(Failure) -> [(path: String, size: Int)] {
    guard isFolder(folder), let names = FileManager.default.enumerator(atPath: folder) else {
      throw Failure(.inputMissing, file: folder, "is not a folder that can be read")
    }
    return names.compactMap { $0 as? String }.sorted().compactMap { name in
      let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
      guard !isFolder(path), let size = try? FileIdentity(path: path).size else { return nil }
      return (path, size)
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path + "/.")
  }
}
