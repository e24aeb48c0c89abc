import Bytes

/// One value of a JSON document, or one line of a text, that two versions don't share.
public struct ValueChange: Sendable, Equatable {
  /// The path to the value ("training.steps", "layers[q_proj].method"); "line" for lines of a text.
  public let path: String
  /// nil where the first has no such value.
  public let first: JSON?
  /// nil where the second has no such value.
  public let second: JSON?

  package init(path: String, first: JSON?, second: JSON?) {
    self.path = path
    self.first = first
    self.second = second
  }

  /// The changes between two versions of a document: by value where both are JSON, by line where both
  /// are texts, none to show where they are neither.
  static func between(
    _ a: SectionContent, _ b: SectionContent
  ) throws(Failure) -> [ValueChange] {
    switch (a.section.layout, b.section.layout) {
    case (.json, .json): between(try a.json(), try b.json())
    case (.text, .text): lines(a.bytes, b.bytes)
    default: []
    }
  }

  /// The most lines of one text, without those that both begin or end with, for which the longest
  /// common subsequence is sought; it takes time with the product of their numbers.
  private static let comparedLines = 4096

  /// Lines that only one text has, in the order of the longest common subsequence; of longer texts,
  /// all lines between the first and the last that differ.
  private static func lines(_ a: ByteSlice, _ b: ByteSlice) -> [ValueChange] {
    func lines(_ bytes: ByteSlice) -> [String] {
      String(decoding: bytes.array, as: UTF8.self)
        .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
    func change(_ first: String?, _ second: String?) -> ValueChange {
      ValueChange(
        path: "line", first: first.map { .string($0) }, second: second.map { .string($0) })
    }
    var (old, new) = (lines(a)[...], lines(b)[...])
    if max(old.count, new.count) > comparedLines {
      while let x = old.first, let y = new.first, x == y {
        old.removeFirst()
        new.removeFirst()
      }
      while let x = old.last, let y = new.last, x == y {
        old.removeLast()
        new.removeLast()
      }
    }
    if max(old.count, new.count) > comparedLines {
      return old.map { change($0, nil) } + new.map { change(nil, $0) }
    }
    return new.difference(from: old).map { difference in
      switch difference {
      case .remove(_, let line, _): change(line, nil)
      case .insert(_, let line, _): change(nil, line)
      }
    }
  }

  /// The leaves that differ. Elements of arrays are matched by their identifying members where those
  /// tell all of them apart, else by position.
  package static func between(_ a: JSON, _ b: JSON) -> [ValueChange] {
    var changes: [ValueChange] = []
    compare(a, b, "", &changes)
    return changes
  }

  private static func compare(
    _ a: JSON?, _ b: JSON?, _ path: String, _ changes: inout [ValueChange]
  ) {
    if a == b { return }
    if let x = a?.object, let y = b?.object {
      for key in x.keys + y.keys.filter({ x[$0] == nil }) {
        compare(x[key], y[key], path.isEmpty ? shown(key) : "\(path).\(shown(key))", &changes)
      }
    } else if let x = a?.array, let y = b?.array {
      if let p = labelled(x), let q = labelled(y) {
        for key in p.keys + q.keys.filter({ p[$0] == nil }) {
          compare(p[key], q[key], "\(path)[\(shown(key))]", &changes)
        }
      } else {
        for i in 0..<max(x.count, y.count) {
          // As optionals by name: a nil literal could also be JSON's null.
          compare(
            i < x.count ? .some(x[i]) : .none, i < y.count ? .some(y[i]) : .none,
            "\(path)[\(i)]", &changes)
        }
      }
    } else {
      changes.append(ValueChange(path: path, first: a, second: b))
    }
  }

  /// A key as part of a path, which each value below it repeats: its first 256 characters.
  private static func shown(_ key: String) -> String {
    key.utf8.count <= 256 ? key : key.prefix(256) + "…"
  }

  /// Members that tell an array's objects apart in the documents of a bundle.
  private static let identifying = [
    "name", "tensor", "role", "model", "prompt", "text", "protocol", "weights",
  ]

  /// Objects by their identifying members; nil where an element has none or two have the same.
  private static func labelled(_ elements: [JSON]) -> JSONObject? {
    var result = JSONObject()
    for element in elements {
      let parts = identifying.compactMap { element[$0]?.string }
      guard element.object != nil, !parts.isEmpty,
        result.appendIfAbsent(parts.joined(separator: ", "), element)
      else { return nil }
    }
    return result
  }
}
