import Glibc

/// Creation of folders.
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
}
