/// Components of a path, from its text alone.
package enum PathNames {
  /// Returns the last component: `model.gguf` of `data/model.gguf`; the whole path if it has none
  /// (`/`).
  package static func last(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// Returns the last component without its extension: `model` of `data/model.gguf`. A leading dot
  /// starts no extension.
  package static func stem(_ path: String) -> String {
    let name = last(path)
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }

  /// Returns the folder that contains `path`; `.` if the path names none.
  package static func parent(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    if slash == path.utf8.startIndex { return "/" }
    return String(path[..<slash])
  }
}
