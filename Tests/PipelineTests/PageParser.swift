/// A strict parser of a report's page: every element that is opened is closed in order, attributes are
/// quoted and stand once, and texts hold none of the characters that would be markup.
struct PageParser {
  struct Element {
    let name: String
    let attributes: [String: String]
    /// The texts within, those of elements within it included.
    var text = ""
  }

  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  private static let void: Set<String> = ["meta", "link", "input", "br", "hr", "col", "wbr"]

  /// All elements, in the order in which they are closed.
  private(set) var elements: [Element] = []
  private var rest: Substring
  private var open: [Element] = []

  init(_ page: String) throws {
    rest = page[...]
    try expect("<!DOCTYPE html>\n")
    while !rest.isEmpty {
      if rest.hasPrefix("</") {
        try close()
      } else if rest.hasPrefix("<") {
        try begin()
      } else {
        try text()
      }
    }
    guard open.isEmpty else { throw Fault(description: "left open: \(open.map(\.name))") }
  }

  /// The elements called `name`.
  func all(_ name: String) -> [Element] { elements.filter { $0.name == name } }

  /// The values of the attribute `key`, of all elements.
  func values(_ key: String) -> [String] { elements.compactMap { $0.attributes[key] } }

  private func fault(_ finding: String) -> Fault {
    Fault(description: "\(finding), before “\(rest.prefix(80))”, in \(open.map(\.name))")
  }

  private mutating func expect(_ text: String) throws {
    guard rest.hasPrefix(text) else { throw fault("expected “\(text)”") }
    rest.removeFirst(text.count)
  }

  private mutating func word() throws -> String {
    let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    guard let first = word.first, first.isLetter else { throw fault("expected a name") }
    rest.removeFirst(word.count)
    return String(word)
  }

  private mutating func begin() throws {
    try expect("<")
    let name = try word()
    var attributes: [String: String] = [:]
    while !rest.hasPrefix(">") {
      try expect(" ")
      let key = try word()
      try expect("=\"")
      let value = rest.prefix { $0 != "\"" }
      guard !value.contains("<"), !value.contains(">") else { throw fault("markup in \(key)") }
      rest.removeFirst(value.count)
      try expect("\"")
      let old = attributes.updateValue(try Self.decoded(value), forKey: key)
      guard old == nil else { throw fault("\(key) twice") }
    }
    try expect(">")
    var element = Element(name: name, attributes: attributes)
    guard !Self.void.contains(name) else {
      elements.append(element)
      return
    }
    if name == "script" || name == "style" {
      // HTML doesn't parse their content: it ends at the first end tag.
      guard let end = rest.firstRange(of: "</") else { throw fault("no end of \(name)") }
      element.text = String(rest[..<end.lowerBound])
      rest = rest[end.lowerBound...]
    }
    open.append(element)
  }

  private mutating func close() throws {
    try expect("</")
    let name = try word()
    try expect(">")
    guard let element = open.popLast(), element.name == name else {
      throw fault("</\(name)> closes nothing")
    }
    elements.append(element)
    if name != "script", name != "style", let last = open.indices.last {
      open[last].text += element.text
    }
  }

  private mutating func text() throws {
    let text = rest.prefix { $0 != "<" }
    guard !text.contains(">"), !text.contains("\""), !text.contains("'") else {
      throw fault("a character that isn't escaped")
    }
    rest.removeFirst(text.count)
    if open.isEmpty, text != "\n" { throw fault("text outside the document") }
    if let last = open.indices.last { open[last].text += try Self.decoded(text) }
  }

  private static let references = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "#39": "'",
  ]

  /// The text with its references replaced.
  private static func decoded(_ text: Substring) throws -> String {
    var result = ""
    var parts = text.split(separator: "&", omittingEmptySubsequences: false)
    result += parts.removeFirst()
    for part in parts {
      guard let end = part.firstIndex(of: ";"), let known = references[String(part[..<end])] else {
        throw Fault(description: "“&\(part.prefix(20))” is no reference")
      }
      result += known + part[part.index(after: end)...]
    }
    return result
  }
}
