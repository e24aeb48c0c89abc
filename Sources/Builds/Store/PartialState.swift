import Bytes
import Foundation

/// The saved states of a stage in the making, from which an interrupted run goes on.
///
/// Each state is a file of its own: 32 bytes SHA-256, then the content it is of. A state that
/// doesn't match its digest is treated as absent: the work is done again and gives the same bytes.
package final class PartialState: Sendable {
  package let folder: String
  private let store: Store

  init(store: Store, key: StageKey) throws {
    self.store = store
    folder = store.partialFolder + "/" + key.digest.hex
    try Folder.create(folder)
    // The full key document, so that `status` can say what this is.
    let document = folder + "/key.json"
    if !FileManager.default.fileExists(atPath: document) {
      try AtomicFile.write(key.document.canonicalBytes, to: document)
    }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasSuffix(".partial") {
      try? FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  private func path(_ name: String) -> String { folder + "/" + name + ".state" }

  /// Saves `content` durably in place of what `name` held.
  package func save(_ name: String, _ content: [UInt8]) throws {
    try save(name, ByteSlice(content))
  }

  package func save(_ name: String, _ content: ByteSlice) throws {
    var writer = try AtomicFileWriter(path: path(name))
    try writer.write(SHA256Digest(hashing: content).bytes)
    try writer.write(content)
    try writer.publish()
    try store.fault(.partialWritten)
  }

  package func save(_ name: String, _ json: JSON) throws { try save(name, json.canonicalBytes) }

  /// The content saved as `name`; nil where it is absent or damaged.
  package func load(_ name: String) -> ByteSlice? {
    guard let file = try? MappedFile(path: path(name)), file.bytes.count >= 32,
      let stored = file.bytes.slice(0..<32), let content = file.bytes.slice(32..<file.bytes.count),
      SHA256Digest(hashing: content).bytes == stored.array
    else { return nil }
    return content
  }

  package func json(_ name: String) -> JSON? {
    load(name).flatMap { try? JSON(parsing: $0, file: path(name)) }
  }

  package func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  package func remove(_ name: String) { try? FileManager.default.removeItem(atPath: path(name)) }

  /// Notes how far the saved states reach, for display.
  package func mark(_ done: Int, of total: Int, unit: String) throws {
    let json: JSON = ["done": JSON(done), "total": JSON(total), "unit": .string(unit)]
    try AtomicFile.write(json.canonicalBytes, to: folder + "/at.json")
  }

  /// A path for a file that the stage writes by itself and hands over when done.
  package func scratch(_ name: String) -> String { folder + "/" + name }

  /// Removes a file that the stage wrote by itself.
  package func removeFile(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

  /// Forgets everything; the stage is done.
  func discard() throws {
    try? FileManager.default.removeItem(atPath: folder)
    try store.fault(.partialRemoved)
  }
}
