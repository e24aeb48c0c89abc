import Bytes

/// Bounds how many times its size a text may become on its way to the model: a few replacements
/// in a row could otherwise make a page fill the memory.
enum GrowthLimit {
  static let steps = 32
  static let factor = 64

  /// A prefix is put before every part between added tokens, so it has a limit of its own, in
  /// bytes.
  static let prefix = 64

  static func check(
    _ root: JSONPlace, _ normalizers: [Normalizer], _ preTokenizers: PreTokenizers,
    _ decoders: [Decoder]
  ) throws(Failure) {
    guard normalizers.count <= steps, preTokenizers.steps.count <= steps, decoders.count <= steps
    else {
      throw root.failure("more than \(steps) normalizers, pre-tokenizers or decoders in a row")
    }
    var growth = 1
    func multiply(_ by: Int, _ path: String) throws(Failure) {
      let (product, overflowed) = growth.multipliedReportingOverflow(by: max(by, 1))
      growth = product
      guard !overflowed, growth <= factor else {
        throw JSONPlace(value: .null, path: path, file: root.file)
          .failure("the steps could make a text grow more than \(factor)-fold")
      }
    }
    for case .replace(let pattern, let content) in normalizers {
      try multiply(replacement(pattern, content), "normalizer")
    }
    for case .prepend(let text) in normalizers where text.count > prefix {
      throw JSONPlace(value: .null, path: "normalizer", file: root.file)
        .failure("a prefix of \(text.count) bytes; at most \(prefix) are taken")
    }
    for case .byteLevel in normalizers { try multiply(2, "normalizer") }
    for step in preTokenizers.steps {
      switch step {
      case .byteLevel: try multiply(2, "pre_tokenizer")
      case .metaspace: try multiply(3, "pre_tokenizer")
      default: break
      }
    }
    growth = 1
    for case .replace(let pattern, let content) in decoders {
      try multiply(replacement(pattern, content), "decoder")
    }
  }

  private static func replacement(_ pattern: TextPattern, _ content: [UInt8]) -> Int {
    if case .text(let text) = pattern {
      return text.isEmpty ? 1 : (content.count + text.count - 1) / text.count
    }
    // An expression may match nothing at all, beside a character that stays.
    return content.isEmpty ? 1 : content.count + 1
  }
}
