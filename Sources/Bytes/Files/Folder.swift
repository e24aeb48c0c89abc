import Glibc

/// Creation and listing of folders.
public enum Folder {
  /// Creates the folder `path` and its missing parents; an existing folder is fine.
  ///
  /// - Throws: `io` if the disk is full, `cannotCreate` otherwise.
  public static func create(_ path: String) throws(Failure) {
    if unsafe mkdir(path, 0o777) == 0 { return }
    let code = errno
    var status = stat()
    if code == EEXIST, unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      return
    }
    guard code == ENOENT, PathNames.parent(path) != path, PathNames.parent(path) != "."
    else {
      throw SystemCall.creationFailure("the folder can't be created", path, code)
    }
    try create(PathNames.parent(path))
    guard unsafe mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw SystemCall.creationFailure("the folder can't be created", path, errno)
    }
  }

  /// Makes the names in the folder `path` durable: after a power failure, removed files don't come back.
  ///
  /// - Throws: `io` if the system refuses.
  package static func synchronize(_ path: String) throws(Failure) {
    try SystemCall.synchronizeFolder(of: path + "/.")
  }

  /// The names in the folder `path`, in no order; none if nothing has that name.
  ///
  /// A folder that can't be listed isn't empty: files that its records refer to would be taken for
  /// remains.
  ///
  /// - Throws: `inputMissing` if it may not be read or is no folder; `io` otherwise, as without
  ///   descriptors.
  package static func names(in path: String) throws(Failure) -> [String] {
    guard let stream = unsafe opendir(path) else {
      let code = errno
      if !MappedFile.isPresent(path) { return [] }
      throw SystemCall.failure("list", path, code, reading: true)
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
        unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
