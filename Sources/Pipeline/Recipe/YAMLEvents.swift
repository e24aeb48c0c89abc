import Bytes
import CYaml

/// A first pass over a YAML text at the level of the parser's events, before any node is built.
///
/// Aliases multiply the content of their anchors, and nodes are compared and hashed while the tree
/// grows, so aliases and nesting are counted where the parser itself finds them: neither quotes nor
/// comments can hide one.
enum YAMLEvents {
  /// Checks the number of aliases and the depth of nesting.
  ///
  /// - Throws: `invalidData` with the line at which a limit of `YAMLDocument` is exceeded. Text that
  ///   isn't YAML passes up to its first error, which the tree's builder then reports.
  static func check(_ text: String, file: String) throws(Failure) {
    let bytes = Array(text.utf8)
    let failure = unsafe bytes.withUnsafeBufferPointer { unsafe firstFailure($0, file) }
    if let failure { throw failure }
  }

  private static func firstFailure(_ text: UnsafeBufferPointer<UInt8>, _ file: String) -> Failure? {
    // On the heap, because the parser keeps pointers to itself.
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { unsafe parser.deallocate() }
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      return Failure(.outOfMemory, file: file, "there is no memory to parse YAML")
    }
    defer { unsafe yaml_parser_delete(parser) }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    let event = UnsafeMutablePointer<yaml_event_t>.allocate(capacity: 1)
    defer { unsafe event.deallocate() }
    var counter = Counter(file: file)
    while unsafe yaml_parser_parse(parser, event) == 1 {
      let type = unsafe event.pointee.type
      let line = unsafe Int(event.pointee.start_mark.line) + 1
      unsafe yaml_event_delete(event)
      if type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT { return nil }
      if let failure = counter.count(type, line) { return failure }
    }
    return nil
  }

  /// The aliases so far and the containers that are open.
  private struct Counter {
    let file: String
    var aliases = 0
    var open = 0

    /// Counts an event; returns the failure if it exceeds a limit.
    mutating func count(_ type: yaml_event_type_t, _ line: Int) -> Failure? {
      switch type {
      case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
        open -= 1
        return nil
      case YAML_ALIAS_EVENT: aliases += 1
      case YAML_SCALAR_EVENT, YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT: break
      default: return nil
      }
      if aliases > YAMLDocument.aliasLimit {
        return Failure(
          .invalidData, file: file, at: "line \(line)",
          "has more than \(YAMLDocument.aliasLimit) aliases",
          advice: "write out what the aliases stand for")
      }
      if open + 1 > YAMLDocument.depthLimit {
        return Failure(
          .invalidData, file: file, at: "line \(line)",
          "is nested deeper than \(YAMLDocument.depthLimit) levels")
      }
      if type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT { open += 1 }
      return nil
    }
  }
}
