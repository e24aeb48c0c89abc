import Bytes
import CFileAttributes
import Foundation
import TestSupport
import Testing

/// Extended attributes and access control lists of files that are replaced.
@Suite struct FileAttributesTests {
  private static let accessList = "system.posix_acl_access"

  /// The list u::rw-, u:1234:r--, g::r--, m::r--, o::---, in the kernel's form: version 2, then entries
  /// of tag, rights and id.
  private static let list = acl([
    (0x01, 6, .max), (0x02, 4, 1234), (0x04, 4, .max), (0x10, 4, .max), (0x20, 0, .max),
  ])

  private static func acl(_ entries: [(tag: UInt16, rights: UInt16, id: UInt32)]) -> [UInt8] {
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      bytes.append(littleEndian: entry.tag)
      bytes.append(littleEndian: entry.rights)
      bytes.append(littleEndian: entry.id)
    }
    return bytes
  }

  /// Whether files in the folder for temporary files can have an attribute of this name.
  private static func isSupported(_ name: String, _ value: [UInt8]) -> Bool {
    guard let folder = try? TemporaryFolder(), (try? folder.write("a", "")) != nil else {
      return false
    }
    return set(name, value, on: folder.file("a"))
  }

  private static func set(_ name: String, _ value: [UInt8], on path: String) -> Bool {
    unsafe value.withUnsafeBytes {
      unsafe setxattr(path, name, $0.baseAddress, $0.count, 0) == 0
    }
  }

  /// The value of an attribute; nil if the file has none of this name.
  private static func value(_ name: String, of path: String) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe buffer.withUnsafeMutableBytes {
      unsafe getxattr(path, name, $0.baseAddress, $0.count)
    }
    return count < 0 ? nil : Array(buffer.prefix(count))
  }

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func replace(_ name: String) throws {
    try AtomicFile.write(Array("new".utf8), to: FileDestination(folder.file(name)))
    #expect(try folder.read(name) == Array("new".utf8))
  }

  @Test(
    .enabled(
      if: isSupported("user.a", [1]),
      "the file system of the folder for temporary files has no user's attributes; set TMPDIR"))
  func usersAttributesStay() throws {
    let path = try folder.write("a", "old")
    #expect(Self.set("user.origin", [0, 255, 10], on: path))
    #expect(Self.set("user.empty", [], on: path))
    #expect(unsafe chmod(path, 0o400) == 0)
    try replace("a")
    #expect(Self.value("user.origin", of: path) == [0, 255, 10])
    #expect(Self.value("user.empty", of: path) == [])
    #expect(Self.value("user.other", of: path) == nil)
  }

  @Test(
    .enabled(
      if: isSupported(accessList, list),
      "the file system of the folder for temporary files has no access control lists; set TMPDIR"))
  func theAccessControlListStays() throws {
    let path = try folder.write("a", "old")
    #expect(Self.set(Self.accessList, Self.list, on: path))
    var before = stat()
    #expect(unsafe stat(path, &before) == 0 && before.st_mode & 0o777 == 0o640)
    try replace("a")
    #expect(Self.value(Self.accessList, of: path) == Self.list)
    var after = stat()
    #expect(unsafe stat(path, &after) == 0 && after.st_mode == before.st_mode)
  }

  /// New files of the folder get its default list. One that replaces a file without a list mustn't.
  @Test(
    .enabled(
      if: isSupported(accessList, list),
      "the file system of the folder for temporary files has no access control lists; set TMPDIR"))
  func theFoldersListIsNotAdded() throws {
    let path = try folder.write("a", "old")
    #expect(Self.set("system.posix_acl_default", Self.list, on: folder.path))
    try folder.write("b", "has the list")
    #expect(Self.value(Self.accessList, of: folder.file("b")) != nil)
    try replace("a")
    #expect(Self.value(Self.accessList, of: path) == nil)
  }

  /// A file that becomes another group's: the old group's rights are not the new one's.
  @Test func aGroupIsLimitedToTheRightsOfOthers() {
    func list(group: UInt16, others: UInt16) -> [UInt8] {
      Self.acl([
        (0x01, 6, .max), (0x02, 7, 4), (0x04, group, .max), (0x08, 6, 0x20), (0x10, 7, .max),
        (0x20, others, .max),
      ])
    }
    #expect(FileAttributes.limitingGroup(list(group: 6, others: 0)) == list(group: 0, others: 0))
    #expect(FileAttributes.limitingGroup(list(group: 7, others: 5)) == list(group: 5, others: 5))
    #expect(FileAttributes.limitingGroup(list(group: 4, others: 6)) == list(group: 4, others: 6))
    for count in [0, 3, 4, 11] {
      let short = [UInt8](repeating: 4, count: count)
      #expect(FileAttributes.limitingGroup(short) == short)
    }
  }
}
