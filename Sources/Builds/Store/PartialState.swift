import Bytes
import Foundation

/// The saved state of an unfinished stage, from which an interrupted run resumes.
///
/// Each named state is a file: the 32-byte SHA-256 digest of the content, then the content. A state
/// that doesn't match its digest is treated as absent: the work is repeated and gives the same
/// bytes. A state that is there but can't be read, for want of memory or of descriptors, is an error:
/// its work is done, and other states may depend on it.
package final class PartialState: Sendable {
  /// The path of the folder of states.
  package let folder: String
  private let store: Store

  init(store: Store, key: StageKey) throws {
    self.store = store
    folder = store.partialFolder + "/" + key.digest.hex
    try Folder.create(folder)
    // The full key document, so that `status` can name the stage.
    let document = folder + "/key.json"
    if !FileManager.default.fileExists(atPath: document) {
      try AtomicFile.write(key.document.canonicalBytes, to: document)
    }
    AtomicFile.sweepTemporaries(in: folder)
  }

  private func path(_ name: String) -> String { folder + "/" + name + ".state" }

  /// Saves `content` durably as the state `name`, replacing the previous content.
  package func save(_ name: String, _ content: [UInt8]) throws {
    try save(name, ByteSlice(content))
  }

  /// Saves `content` durably as the state `name`, replacing the previous content.
  package func save(_ name: String, _ content: ByteSlice) throws {
    var writer = try AtomicFileWriter(path: path(name))
    try writer.write(SHA256Digest(hashing: content).bytes)
    try writer.write(content)
    try writer.publish()
    try store.fault(.partialWritten)
  }

  /// Saves `json` durably as the state `name`, in canonical form.
  package func save(_ name: String, _ json: JSON) throws { try save(name, json.canonicalBytes) }

  /// Returns the content saved as `name`; nil if absent or damaged.
  /// - Throws: what kept the file from being read, if it is there.
  package func load(_ name: String) throws(Failure) -> ByteSlice? {
    guard let file = try MappedFile.ifPresent(path(name)), file.bytes.count >= 32,
      let stored = file.bytes.slice(0..<32), let content = file.bytes.slice(32..<file.bytes.count),
      SHA256Digest(hashing: content).bytes == stored.array
    else { return nil }
    return content
  }

  /// Returns the JSON saved as `name`; nil if absent or damaged.
  /// - Throws: what kept the file from being read, if it is there.
  package func json(_ name: String) throws(Failure) -> JSON? {
    guard let content = try load(name) else { return nil }
    return try? JSON(parsing: content, file: path(name))
  }

  /// Returns whether a state `name` exists, without verifying it.
  package func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// Removes the state `name`.
  package func remove(_ name: String) { try? FileManager.default.removeItem(atPath: path(name)) }

  /// Records how many units the saved states cover, for display.
  package func mark(_ done: Int, of total: Int, unit: String) throws {
    let json: JSON = ["done": JSON(done), "total": JSON(total), "unit": .string(unit)]
    try AtomicFile.write(json.canonicalBytes, to: folder + "/at.json")
  }

  /// Returns the path of a file that the stage writes itself, such as an output.
  package func scratch(_ name: String) -> String { folder + "/" + name }

  /// Removes a file that the stage wrote itself.
  package func removeFile(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

  /// Removes all saved state of a finished stage.
  ///
  /// The removal is made durable, because a command whose result is already there doesn't look into the
  /// store again. A removal that fails leaves a file that the next build removes.
  func discard() throws {
    for name in (try? Folder.names(in: folder)) ?? [] { removeFile(folder + "/" + name) }
    try? Folder.synchronize(folder)
    try? FileManager.default.removeItem(atPath: folder)
    try? Folder.synchronize(store.partialFolder)
    try store.fault(.partialRemoved)
  }
}
