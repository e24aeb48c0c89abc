/// A consumer of the UTF-8 bytes of a JSON text, in order.
protocol JSONSink {
  mutating func put(_ byte: UInt8)
}

/// A sink that collects the bytes.
struct ByteSink: JSONSink {
  var bytes: [UInt8] = []
  mutating func put(_ byte: UInt8) { bytes.append(byte) }
}

/// A serializer of JSON values into a sink of UTF-8 bytes.
struct JSONWriter<Sink: JSONSink> {
  var sink: Sink
  let indented: Bool
  /// Whether characters that a terminal would obey are escaped, although JSON allows them.
  let isShown: Bool
  private var depth = 0

  init(sink: Sink, indented: Bool, isShown: Bool = false) {
    self.sink = sink
    self.indented = indented
    self.isShown = isShown
  }

  mutating func write(_ value: JSON) {
    switch value {
    case .null: put("null")
    case .bool(let value): put(value ? "true" : "false")
    case .integer(let value): put(value.description)
    case .number(let value): put(JSON.text(of: value))
    case .string(let value): write(string: value)
    case .array(let values):
      open("[")
      for (index, value) in values.enumerated() {
        separate(first: index == 0)
        write(value)
      }
      close("]", empty: values.isEmpty)
    case .object(let object):
      open("{")
      if indented || object.isSorted {
        for (index, member) in object.members.enumerated() {
          write(member, first: index == 0)
        }
      } else {
        let order = object.members.indices.sorted {
          object.members[$0].key.utf8.lexicographicallyPrecedes(object.members[$1].key.utf8)
        }
        for (index, place) in order.enumerated() {
          write(object.members[place], first: index == 0)
        }
      }
      close("}", empty: object.isEmpty)
    }
  }

  private mutating func write(_ member: JSONObject.Member, first: Bool) {
    separate(first: first)
    write(string: member.key)
    put(indented ? ": " : ":")
    write(member.value)
  }

  private mutating func put(_ text: String) { for byte in text.utf8 { sink.put(byte) } }

  private mutating func open(_ text: String) {
    put(text)
    depth += 1
  }

  private mutating func close(_ text: String, empty: Bool) {
    depth -= 1
    if indented && !empty { newLine() }
    put(text)
  }

  private mutating func separate(first: Bool) {
    if !first { put(",") }
    if indented { newLine() }
  }

  private mutating func newLine() {
    sink.put(UInt8(ascii: "\n"))
    for _ in 0..<depth * 2 { sink.put(UInt8(ascii: " ")) }
  }

  private mutating func write(string: String) {
    sink.put(UInt8(ascii: "\""))
    guard isShown, string.unicodeScalars.contains(where: ShownText.isControl) else {
      write(utf8: string.utf8)
      sink.put(UInt8(ascii: "\""))
      return
    }
    for scalar in string.unicodeScalars {
      if scalar.value >= 0x7F, ShownText.isControl(scalar) {
        // All of them are in the basic plane, so that four digits name them.
        let code = UInt16(truncatingIfNeeded: scalar.value)
        put("\\u")
        put(Hexadecimal.encode([UInt8(code >> 8), UInt8(truncatingIfNeeded: code)]))
      } else {
        write(utf8: String(scalar).utf8)
      }
    }
    sink.put(UInt8(ascii: "\""))
  }

  private mutating func write(utf8 bytes: String.UTF8View) {
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""): put("\\\"")
      case UInt8(ascii: "\\"): put("\\\\")
      case 8: put("\\b")
      case 9: put("\\t")
      case 10: put("\\n")
      case 12: put("\\f")
      case 13: put("\\r")
      case 0..<32:
        put("\\u00")
        put(Hexadecimal.encode([byte]))
      default: sink.put(byte)
      }
    }
  }
}

extension JSONObject {
  /// Whether the keys ascend by their UTF-8 bytes, as in the canonical form.
  fileprivate var isSorted: Bool {
    zip(members, members.dropFirst()).allSatisfy {
      $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }
  }
}
