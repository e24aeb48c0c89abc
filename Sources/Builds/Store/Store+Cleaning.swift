import Bytes
import Foundation

/// The files that `ctpack clean` removes from a work folder, by kind, with their sizes in bytes.
package struct StoreCleaning: Sendable {
  /// A kind of removed file.
  package enum Kind: String, Sendable, CaseIterable {
    /// The record of a stage with settings or inputs that aren't its latest any more.
    case record
    /// An output that no record refers to.
    case object
    /// Saved state to resume from, of a stage that is finished or has other settings now.
    case state
    /// A temporary file of a killed writer.
    case leftover
  }

  /// One file or folder.
  package struct Item: Sendable, Equatable {
    package let kind: Kind
    /// The path in the work folder.
    package let name: String
    package let bytes: Int
  }

  package private(set) var items: [Item] = []

  /// The bytes of all items.
  package var bytes: Int { items.reduce(0) { $0 + $1.bytes } }

  mutating func add(_ kind: Kind, _ name: String, _ bytes: Int) {
    items.append(Item(kind: kind, name: name, bytes: bytes))
  }

  package var json: JSON {
    [
      "bytes": JSON(bytes),
      "items": .array(
        items.map {
          ["kind": .string($0.kind.rawValue), "name": .string($0.name), "bytes": JSON($0.bytes)]
        }),
    ]
  }
}

extension Store {
  /// Opens the work folder of an earlier build.
  ///
  /// - Throws: `inputMissing` if `folder` isn't a work folder.
  package static func existing(_ folder: String) throws -> Store {
    guard FileManager.default.fileExists(atPath: folder + "/store.json") else {
      throw Failure(
        .inputMissing, file: folder, "is not a work folder: nothing was built there",
        advice: "name the work folder of the build", reason: .noWorkFolder)
    }
    return try Store(folder: folder, create: false)
  }

  /// Removes what the latest run of each stage doesn't need: records and outputs of other settings,
  /// saved state that nothing resumes from, and what killed writers left. The latest results stay.
  ///
  /// - Parameter removes: whether to remove it; if false, it is only listed.
  /// - Throws: `busy` while a build runs; `invalidData` if a record that is needed is damaged.
  package func clean(removes: Bool = true) throws -> StoreCleaning {
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    let current = try currentKeys()
    var cleaning = StoreCleaning()
    var wanted: Set<String> = []
    var finished: Set<SHA256Digest> = []
    var outdated: [SHA256Digest] = []
    for key in try finishedKeys().sorted(by: { $0.hex < $1.hex }) {
      guard current?.contains(key) ?? true else {
        outdated.append(key)
        continue
      }
      finished.insert(key)
      for object in try marker(key).outputs.values { wanted.insert(object.digest.hex) }
    }
    // Records first: one without its outputs would be of no use, outputs without a record are found
    // again.
    for key in outdated {
      try discard("stages/\(key.hex).json", .record, &cleaning, removes)
    }
    for name in names(in: objectsFolder) where SHA256Digest(hex: name) != nil {
      if !wanted.contains(name) { try discard("objects/\(name)", .object, &cleaning, removes) }
    }
    for name in names(in: partialFolder) {
      let key = SHA256Digest(hex: name)
      let isResumed = key.map { !finished.contains($0) && current?.contains($0) ?? true } ?? false
      if !isResumed { try discard("partial/\(name)", .state, &cleaning, removes) }
    }
    for place in [".", "objects", "stages"] + names(in: partialFolder).map({ "partial/" + $0 }) {
      for found in AtomicFile.sweepTemporaries(in: folder + "/" + place, removes: removes) {
        cleaning.add(.leftover, (place == "." ? "" : place + "/") + found.name, found.bytes)
      }
    }
    return cleaning
  }

  /// The keys of each stage's latest run; nil if none is recorded, so that nothing is outdated.
  ///
  /// - Throws: `invalidData` if the record is damaged.
  private func currentKeys() throws(Failure) -> Set<SHA256Digest>? {
    guard FileManager.default.fileExists(atPath: latestFile) else { return nil }
    do throws(Failure) {
      guard let all = try Store.readJSON(latestFile).object else {
        throw Failure(.invalidData, file: latestFile, "is not a JSON object")
      }
      return Set(all.values.map { StageKey(document: $0).digest })
    } catch {
      throw Failure(
        error.kind, file: latestFile, at: error.place, error.finding,
        advice: "run the build again, which writes it anew; then clean")
    }
  }

  private func discard(
    _ name: String, _ kind: StoreCleaning.Kind, _ cleaning: inout StoreCleaning, _ removes: Bool
  ) throws(Failure) {
    let path = folder + "/" + name
    let bytes = Self.size(of: path)
    if removes {
      do {
        try FileManager.default.removeItem(atPath: path)
      } catch {
        throw Failure(
          .cannotCreate, file: path, "can't be removed", advice: "check the folder's permissions")
      }
    }
    cleaning.add(kind, name, bytes)
  }

  private func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  /// The bytes of a file, or of all files in a folder.
  private static func size(of path: String) -> Int {
    let manager = FileManager.default
    let inner = (try? manager.subpathsOfDirectory(atPath: path)) ?? []
    return ([path] + inner.map { path + "/" + $0 }).reduce(0) { sum, file in
      guard let identity = try? FileIdentity(path: file),
        !manager.fileExists(atPath: file + "/.")
      else { return sum }
      return sum + identity.size
    }
  }
}
