import Bytes
import Yams

/// A loader of YAML files into trees of nodes with line numbers. Limits on size, aliases and depth
/// make it reject hostile files quickly.
enum YAMLDocument {
  /// The largest file size in bytes; recipes are about a page of text.
  static let sizeLimit = 256 << 10
  /// The maximum number of aliases (`*name`). Nested aliases multiply the content of their anchors;
  /// a handful can't grow large.
  static let aliasLimit = 8
  /// The maximum nesting depth.
  static let depthLimit = 32

  /// Loads the file at `path`.
  ///
  /// - Throws: `inputMissing`; `invalidData` with the line of an error.
  static func load(path: String) throws(Failure) -> Node {
    let file = try MappedFile(path: path)
    guard file.bytes.count <= sizeLimit else {
      throw Failure(
        .invalidData, file: path,
        "is \(file.bytes.count) bytes long, too large for YAML written by hand (\(sizeLimit) bytes)"
      )
    }
    try FileContent.expect(.yaml, in: file.bytes, file: path)
    let bytes = file.bytes.withoutByteOrderMark.array
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let line = bytes.prefix(validPrefix(bytes)).count { $0 == UInt8(ascii: "\n") } + 1
      throw Failure(.invalidData, file: path, at: "line \(line)", "the text is not UTF-8")
    }
    return try parse(text, file: path)
  }

  /// Parses YAML text; `file` is named in errors.
  static func parse(_ text: String, file: String) throws(Failure) -> Node {
    try YAMLEvents.check(text, file: file)
    let node: Node?
    do {
      node = try compose(yaml: text, .default, .default, .utf8)
    } catch let error as YamlError {
      throw failure(error, file)
    } catch {
      throw Failure(.invalidData, file: file, "is not YAML: \(error)")
    }
    guard let node else { throw Failure(.invalidData, file: file, "is empty") }
    try checkDepth(node, 1, file)
    return node
  }

  /// Checks the depth of the tree, in which aliases are replaced by what they stand for.
  private static func checkDepth(_ node: Node, _ depth: Int, _ file: String) throws(Failure) {
    guard depth <= depthLimit else {
      let place = node.mark.map { "line \($0.line)" }
      throw Failure(
        .invalidData, file: file, at: place, "is nested deeper than \(depthLimit) levels")
    }
    switch node {
    case .mapping(let mapping):
      for (key, value) in mapping {
        try checkDepth(key, depth + 1, file)
        try checkDepth(value, depth + 1, file)
      }
    case .sequence(let sequence):
      for value in sequence { try checkDepth(value, depth + 1, file) }
    case .scalar, .alias: break
    }
  }

  private static func failure(_ error: YamlError, _ file: String) -> Failure {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let prefix = context.map { $0.text + " " } ?? ""
      return Failure(.invalidData, file: file, at: "line \(mark.line)", prefix + problem)
    case .reader(let problem, let offset, _, _):
      return Failure(.invalidData, file: file, at: offset.map { "byte \($0)" }, problem)
    case .duplicatedKeysInMapping(let keys, let context):
      let names = keys.map { "`\($0)`" }.joined(separator: ", ")
      return Failure(
        .invalidData, file: file, at: "line \(context.mark.line)", "the key \(names) is given twice"
      )
    default:
      return Failure(.invalidData, file: file, "is not YAML")
    }
  }

  /// Returns the length in bytes of the longest well-formed UTF-8 prefix.
  private static func validPrefix(_ bytes: [UInt8]) -> Int {
    var low = 0
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): low += UTF8.width(scalar)
      case .emptyInput, .error: return low
      }
    }
  }
}
