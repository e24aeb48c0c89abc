/// Operations on texts as Python does them: over Unicode code points, without canonical equivalence.
enum PythonText {
  /// Whether `str.strip` removes the code point.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  static func stripped(_ text: String, left: Bool = true, right: Bool = true) -> String {
    let scalars = Array(text.unicodeScalars)
    var range = 0..<scalars.count
    if left { while let first = range.first, isSpace(scalars[first]) { range.removeFirst() } }
    if right { while let last = range.last, isSpace(scalars[last]) { range.removeLast() } }
    return joined(scalars[range])
  }

  /// The first code point as a title's, the others in lower case.
  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return text }
    return first.properties.titlecaseMapping + joined(text.unicodeScalars.dropFirst()).lowercased()
  }

  /// The place of `part` in `text`, in code points, at or after `start`; nil if it isn't there.
  static func find(_ part: String, in text: String, from start: Int = 0) -> Int? {
    find(Array(part.unicodeScalars), Array(text.unicodeScalars), start)
  }

  private static func find(
    _ part: [Unicode.Scalar], _ text: [Unicode.Scalar], _ start: Int
  ) -> Int? {
    guard start <= text.count - part.count else { return nil }
    guard let first = part.first else { return start }
    return (start...text.count - part.count).first { place in
      text[place] == first && text[place..<place + part.count].elementsEqual(part)
    }
  }

  /// `text` with `new` in place of each `old`, or around each code point if `old` is empty.
  /// - Throws: if the result is longer than a template's text may be.
  static func replaced(
    _ text: String, _ old: String, by new: String
  ) throws(TemplateProblem) -> String {
    let parts =
      old.isEmpty
      ? [""] + text.unicodeScalars.map { String($0) } + [""] : split(text, by: old)
    let places = parts.count - 1
    let kept = text.utf8.count - places * old.utf8.count
    let (added, overflow) = places.multipliedReportingOverflow(by: new.utf8.count)
    try TaskTemplate.check(overflow ? .max : kept + added)
    return parts.joined(separator: new)
  }

  /// The parts between the occurrences of `separator`, which isn't empty.
  static func split(_ text: String, by separator: String) -> [String] {
    let (scalars, mark) = (Array(text.unicodeScalars), Array(separator.unicodeScalars))
    precondition(!mark.isEmpty)
    var parts: [String] = []
    var start = 0
    while let place = find(mark, scalars, start) {
      parts.append(joined(scalars[start..<place]))
      start = place + mark.count
    }
    return parts + [joined(scalars[start...])]
  }

  /// The words between runs of whitespace.
  static func words(_ text: String) -> [String] {
    text.unicodeScalars.split(whereSeparator: isSpace).map { joined($0) }
  }

  static func starts(_ text: String, with part: String) -> Bool {
    text.unicodeScalars.starts(with: part.unicodeScalars)
  }

  static func ends(_ text: String, with part: String) -> Bool {
    text.unicodeScalars.reversed().starts(with: part.unicodeScalars.reversed())
  }

  /// Text without the shortest parts in brackets, as by `re.sub(r"\[.*?\]", "", text)`: no part spans
  /// a newline.
  static func withoutBrackets(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = String.UnicodeScalarView()
    var index = 0
    // After this place no bracket closes on the same line: each line is searched once.
    var hopelessUntil = 0
    while index < scalars.count {
      if scalars[index] == "[", index >= hopelessUntil {
        let end = scalars[index...].firstIndex { $0 == "]" || $0 == "\n" } ?? scalars.count
        if end < scalars.count, scalars[end] == "]" {
          index = end + 1
          continue
        }
        hopelessUntil = end
      }
      result.append(scalars[index])
      index += 1
    }
    return String(result)
  }

  static func joined(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
