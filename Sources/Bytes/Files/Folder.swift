import Glibc

/// Creation of folders, with errors that name the obstacle.
public enum Folder {
  /// Makes the folder `path` and those above it; it may be there already. Throws `io` where the
  /// disk is full, `cannotCreate` otherwise.
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
