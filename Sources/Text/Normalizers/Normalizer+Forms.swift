/// The four Unicode normalization forms (Unicode Standard Annex 15) as of Unicode 9.0, the version
/// of the reference implementation.
///
/// Only the decompositions of single scalars come from the system. Its normalization of whole texts
/// isn't used: it misplaces marks next to U+0F73 and similar scalars, leaves some Hangul
/// decomposed, and takes quadratic time on long runs of marks.
extension Normalizer {
  /// Converts `text`, valid UTF-8, to a normalization form.
  static func normalize(_ text: inout [UInt8], _ form: Form) {
    // Text below U+0300 is already in form C, and ASCII in every form.
    let changing: UInt8 = form == .nfc ? 0xCC : 0x80
    guard text.contains(where: { $0 >= changing }) else { return }
    var composer = Composer(composes: form == .nfc || form == .nfkc, expectedBytes: text.count)
    var decompositions: [UInt32: [UInt32]] = [:]
    let isCompatible = form == .nfkc || form == .nfkd
    var index = 0
    while index < text.count {
      let (scalar, length) = UTF8Text.scalar(text, index)
      index += length
      if scalar < 0x80 {
        composer.append(starter: scalar)
        continue
      }
      let parts: [UInt32]
      if let known = decompositions[scalar] {
        parts = known
      } else {
        parts = Decomposition.of(scalar, isCompatible: isCompatible)
        decompositions[scalar] = parts
      }
      for part in parts { composer.append(part) }
    }
    composer.finish()
    text = composer.result
  }
}

/// A builder that puts decomposed text into canonical order and, for forms C and KC, recomposes it.
private struct Composer {
  var result: [UInt8] = []
  private let composes: Bool
  /// The last scalar of combining class 0; nil at the beginning.
  private var starter: UInt32?
  /// The marks after the starter, not yet in canonical order.
  private var marks: [(combiningClass: UInt8, scalar: UInt32)] = []

  init(composes: Bool, expectedBytes: Int) {
    self.composes = composes
    result.reserveCapacity(expectedBytes)
  }

  mutating func append(_ scalar: UInt32) {
    let combiningClass = Decomposition.combiningClass(scalar)
    if combiningClass == 0 {
      append(starter: scalar)
    } else {
      marks.append((combiningClass, scalar))
    }
  }

  mutating func append(starter next: UInt32) {
    if !marks.isEmpty { orderMarks() }
    if composes, marks.isEmpty, let starter, let composed = Composition.of(starter, next) {
      self.starter = composed
      return
    }
    flush()
    starter = next
  }

  mutating func finish() {
    orderMarks()
    flush()
    starter = nil
  }

  private mutating func flush() {
    if let starter { UTF8Text.append(starter, to: &result) }
    for mark in marks { UTF8Text.append(mark.scalar, to: &result) }
    marks.removeAll(keepingCapacity: true)
  }

  /// Sorts the marks by class, stably, and composes those that aren't blocked with the starter.
  private mutating func orderMarks() {
    if marks.count > 1 { marks.sort { $0.combiningClass < $1.combiningClass } }
    guard composes, var base = starter else { return }
    var kept = 0
    for mark in marks {
      let isBlocked = kept > 0 && marks[kept - 1].combiningClass >= mark.combiningClass
      if !isBlocked, let composed = Composition.of(base, mark.scalar) {
        base = composed
      } else {
        marks[kept] = mark
        kept += 1
      }
    }
    starter = base
    marks.removeLast(marks.count - kept)
  }
}
