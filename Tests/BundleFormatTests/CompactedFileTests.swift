import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Compacting changes a bundle's bytes, and nothing else of its file.
@Suite struct CompactedFileTests {
  let folder: TemporaryFolder
  let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("real.ctpack")
    try Samples.write(path)
    try BundleEditor.append(
      to: path, sections: [.adapter(Samples.prompt("b", weights: nil, unvalidated: true))])
  }

  private func mode(_ name: String) throws -> mode_t {
    var status = stat()
    try #require(unsafe lstat(folder.file(name), &status) == 0)
    return status.st_mode
  }

  @Test(arguments: [0o600, 0o400, 0o664] as [mode_t])
  func theModeStays(mode: mode_t) throws {
    let editable = mode & 0o200 != 0 || getuid() == 0
    #expect(unsafe chmod(path, mode) == 0)
    if editable { try BundleEditor.compact(path, to: path) }
    #expect(try self.mode("real.ctpack") & 0o7777 == mode)
    #expect(try ModelBundle(path: path).generation == (editable ? 1 : 2))
    try Samples.write(folder.file("other.ctpack"))
    #expect(unsafe chmod(folder.file("other.ctpack"), mode) == 0)
    try BundleEditor.recode(path, to: folder.file("other.ctpack"), storage: .coded)
    #expect(try self.mode("other.ctpack") & 0o7777 == mode)
  }

  /// The link leads to the compacted file, also from another folder.
  @Test(arguments: ["", "sub/"]) func aLinkStays(place: String) throws {
    try FileManager.default.createDirectory(
      atPath: folder.file("sub"), withIntermediateDirectories: true)
    let link = folder.file(place + "link.ctpack")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    let before = try folder.read("real.ctpack").count
    try BundleEditor.compact(link, to: link)
    #expect(try mode(place + "link.ctpack") & S_IFMT == S_IFLNK)
    #expect(try folder.read("real.ctpack").count < before)
    #expect(try ModelBundle(path: path, verify: .full).generation == 1)
    // The link and the file by turns are the same file too.
    try BundleEditor.compact(path, to: link)
    try BundleEditor.compact(link, to: path)
    #expect(try mode(place + "link.ctpack") & S_IFMT == S_IFLNK)
    let failure = #expect(throws: Failure.self) {
      try BundleEditor.recode(path, to: link, storage: .coded)
    }
    #expect(failure?.kind == .usage)
  }

  /// Nothing is changed in a bundle that is compacted into another file, so that reading it is enough.
  @Test func aBundleThatIsOnlyReadNeedsNoLock() throws {
    #expect(unsafe chmod(path, 0o400) == 0)
    let editor = try MappedFile(path: path)
    try BundleEditor.compact(path, to: folder.file("copy"))
    #expect(try ModelBundle(path: folder.file("copy")).adapters.map(\.name) == ["b", "demo"])
    #expect(try MappedFile(path: path).bytes.array == editor.bytes.array)
  }

  @Test func aBundleThatIsBeingEditedCanBeCopied() throws {
    try BundleEditor.edit(path) { (_) throws(Failure) in
      try BundleEditor.compact(path, to: folder.file("copy"))
    }
    #expect(try ModelBundle(path: folder.file("copy")).adapters.map(\.name) == ["b", "demo"])
  }
}
