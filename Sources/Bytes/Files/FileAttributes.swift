import CFileAttributes
import Glibc

/// The extended attributes of a file (xattr(7)), its access control list among them. A file that
/// replaces another one takes them over.
package struct FileAttributes {
  /// Names and values, in the file's order.
  private(set) var values: [(name: String, value: [UInt8])] = []

  /// The attribute that holds a file's access control list (acl(5)).
  static let accessList = "system.posix_acl_access"

  /// Attributes that vouch for a file's content. The kernel removes them from a file that is written.
  private static let ofContent: Set<String> = [
    "security.capability", "security.evm", "security.ima",
  ]

  /// Reads the attributes of the file at `path`; none where the file system has none.
  ///
  /// - Parameter file: the file's name in errors.
  /// - Throws: `cannotCreate` if they can't be read.
  init(of path: String, named file: String) throws(Failure) {
    let listed = unsafe Self.bytes {
      unsafe listxattr(path, $0?.assumingMemoryBound(to: CChar.self), $1)
    }
    guard let list = listed.found else {
      if [ENOTSUP, ENOENT, ENOSYS].contains(listed.errno) { return }
      throw SystemCall.creationFailure(
        "its extended attributes can't be read", file, listed.errno)
    }
    for bytes in list.split(separator: 0) {
      guard let name = String(validating: bytes, as: UTF8.self) else {
        throw Failure(
          .cannotCreate, file: file, "it has an extended attribute whose name isn't UTF-8",
          advice: "remove the attribute, or write another file")
      }
      if Self.ofContent.contains(name) { continue }
      let value = unsafe Self.bytes { unsafe getxattr(path, name, $0, $1) }
      if let found = value.found {
        values.append((name, found))
      } else if value.errno != ENODATA, !Self.isLabel(name) {
        throw Self.failure(name, "read", file, value.errno)
      }
    }
  }

  /// Gives the open file `descriptor` these attributes, and takes from it the access control list that
  /// it got from its folder.
  ///
  /// - Throws: `cannotCreate` naming an attribute that can't be set; `io` if the disk is full.
  func set(on descriptor: Int32, named file: String) throws(Failure) {
    for (name, value) in values {
      let own = unsafe Self.bytes { unsafe fgetxattr(descriptor, name, $0, $1) }
      if own.found == value { continue }
      let result = SystemCall.retrying {
        unsafe value.withUnsafeBytes {
          unsafe fsetxattr(descriptor, name, $0.baseAddress, $0.count, 0)
        }
      }
      // Labels of the system's own policy: it gives new files theirs, and may forbid any other.
      if result.value != 0, !Self.isLabel(name) {
        throw Self.failure(name, "kept", file, result.errno)
      }
    }
    if values.contains(where: { $0.name == Self.accessList }) { return }
    let inherited = unsafe Self.bytes {
      unsafe fgetxattr(descriptor, Self.accessList, $0, $1)
    }
    guard inherited.found != nil else { return }
    let result = SystemCall.retrying { unsafe fremovexattr(descriptor, Self.accessList) }
    if result.value != 0 {
      throw Self.failure(Self.accessList, "removed", file, result.errno)
    }
  }

  /// Leaves a file's group no more rights than everybody has, because the file will be another
  /// group's.
  mutating func limitGroup() {
    guard let place = values.firstIndex(where: { $0.name == Self.accessList }) else { return }
    values[place].value = Self.limitingGroup(values[place].value)
  }

  /// The access control list `list` with the rights of the file's group limited to those of others:
  ///
  ///     version u32 = 2, then entries of   tag u16   rights u16   id u32
  package static func limitingGroup(_ list: [UInt8]) -> [UInt8] {
    let (header, size, group, others) = (4, 8, UInt8(0x04), UInt8(0x20))
    let entries = stride(from: header, through: list.count - size, by: size)
    guard let own = entries.first(where: { list[$0] == others && list[$0 + 1] == 0 }) else {
      return list
    }
    var limited = list
    for entry in entries where list[entry] == group && list[entry + 1] == 0 {
      limited[entry + 2] &= list[own + 2]
    }
    return limited
  }

  private static func isLabel(_ name: String) -> Bool { name.hasPrefix("security.") }

  private static func failure(
    _ name: String, _ what: String, _ file: String, _ code: Int32
  ) -> Failure {
    SystemCall.creationFailure("its extended attribute `\(name)` can't be \(what)", file, code)
  }

  /// The bytes that `call` writes into a buffer, whose size it says where there is no buffer; nil and
  /// the error's number if it fails.
  private static func bytes(
    _ call: (UnsafeMutableRawPointer?, Int) -> Int
  ) -> (found: [UInt8]?, errno: Int32) {
    // Somebody may make the value longer between two calls.
    for _ in 0..<100 {
      let size = call(nil, 0)
      guard size > 0 else { return size == 0 ? ([], 0) : (nil, errno) }
      var buffer = [UInt8](repeating: 0, count: size)
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe call($0.baseAddress, $0.count) }
      if count >= 0 { return (Array(buffer.prefix(count)), 0) }
      guard errno == ERANGE else { return (nil, errno) }
    }
    return (nil, ERANGE)
  }
}
