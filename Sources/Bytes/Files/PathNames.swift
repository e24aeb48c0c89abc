/// Parts of a path, found in its text alone.
package enum PathNames {
  /// The last component: `model.gguf` of `data/model.gguf`, and the whole path where it has none
  /// (`/`).
  package static func last(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// The last component without its extension: `model` of `data/model.gguf`. A dot in front is no
  /// extension.
  package static func stem(_ path: String) -> String {
    let name = last(path)
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }

  /// The folder that holds `path`: `.` where it names none.
  package static func parent(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    if slash == path.utf8.startIndex { return "/" }
    return String(path[..<slash])
  }
}
