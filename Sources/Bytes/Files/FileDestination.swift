import Glibc

/// A place for a file that the user named: the file itself where the name is a symbolic link, and the
/// mode, owner, extended attributes and access control list that a file which is there already has.
///
/// A program that replaces a file by a new one would otherwise turn a link into a file, and give a
/// private file the mode of a new one.
public struct FileDestination: Sendable {
  /// The path as it was named.
  public let name: String
  /// The path after following symbolic links; the file there may be missing.
  public let path: String
  /// Whether there is a file already.
  public let exists: Bool
  /// The mode in which the temporary file is created: readable to nobody else until the old mode is set.
  let temporaryMode: mode_t

  /// Follows the symbolic links of `name`.
  ///
  /// - Throws: `cannotCreate` if a folder or anything else than a regular file is there, or if the links
  ///   lead nowhere.
  public init(_ name: String) throws(Failure) {
    self.name = name
    path = try Self.followed(name)
    var status = stat()
    exists = unsafe stat(path, &status) == 0
    temporaryMode = exists ? 0o600 : 0o644
    guard exists else { return }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw Failure(.cannotCreate, file: name, "is a folder", advice: "name a file")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(
        .cannotCreate, file: name, "is not a regular file", advice: "name another file")
    }
  }

  /// The file that a chain of symbolic links ends at.
  private static func followed(_ name: String) throws(Failure) -> String {
    var path = name
    // As many as Linux follows.
    for _ in 0..<40 {
      guard let next = try target(of: path) else { return path }
      path = next.hasPrefix("/") ? next : PathNames.parent(path) + "/" + next
    }
    throw Failure(
      .cannotCreate, file: name, "is a symbolic link that leads back to itself",
      advice: "remove the link")
  }

  /// The text of a symbolic link; nil if `path` is none.
  private static func target(of path: String) throws(Failure) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &buffer, buffer.count)
    guard count >= 0 else { return nil }
    guard count < buffer.count else {
      throw Failure(.cannotCreate, file: path, "is a symbolic link with too long a target")
    }
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Gives the open file `descriptor` the owner, the mode and the extended attributes of the file that
  /// it will replace. Where the owner or the group can't be kept, nobody gets rights by it that they
  /// didn't have.
  ///
  /// - Throws: `cannotCreate` naming an attribute that can't be kept; `io` if the disk is full.
  func keepAttributes(on descriptor: Int32) throws(Failure) {
    var old = stat()
    guard unsafe stat(path, &old) == 0 else { return }
    var attributes = try FileAttributes(of: path, named: name)
    var mode = old.st_mode & 0o7777
    // The owner first: changing it clears the bits for setting a user's or group's identity.
    if fchown(descriptor, old.st_uid, old.st_gid) != 0 {
      mode &= 0o777
      if fchown(descriptor, uid_t.max, old.st_gid) != 0 {
        // Another group must not have the old group's rights, only everybody's.
        mode = (mode & 0o707) | (mode & 0o007) << 3
        attributes.limitGroup()
      }
    }
    // Before the mode: a file without the right to write takes no attributes.
    try attributes.set(on: descriptor, named: name)
    guard fchmod(descriptor, mode) == 0 else {
      throw SystemCall.failure("chmod", name, errno, reading: false)
    }
  }
}
