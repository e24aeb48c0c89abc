import Bytes

/// Limits on the growth of a text before it reaches the model: a few replacements in a row could
/// otherwise let a page fill the memory.
enum GrowthLimit {
  /// Maximum number of normalizers, of pre-tokenizers and of decoders.
  static let steps = 32
  /// Maximum growth of a text's size in bytes by all encoding steps, and by all decoding steps.
  static let factor = 64

  /// Maximum length of all prefixes together, in bytes. They have their own limit, since they are added
  /// to every part between added tokens.
  static let prefix = 64

  /// - Throws: `invalidData` naming the steps that exceed a limit.
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
          .failure("the steps can make a text grow more than \(factor)-fold")
      }
    }
    for case .replace(let pattern, let content) in normalizers {
      try multiply(replacement(pattern, content), "normalizer")
    }
    var prefixes = 0
    for case .prepend(let text) in normalizers {
      prefixes += text.count
      guard prefixes <= prefix else {
        throw JSONPlace(value: .null, path: "normalizer", file: root.file)
          .failure("has a prefix of \(prefixes) bytes; at most \(prefix) are supported")
      }
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

  /// Maximum growth by a replacement, as a factor.
  private static func replacement(_ pattern: TextPattern, _ content: [UInt8]) -> Int {
    if case .text(let text) = pattern {
      return text.isEmpty ? 1 : (content.count + text.count - 1) / text.count
    }
    // An expression may match the empty text and insert the content next to a kept character.
    return content.isEmpty ? 1 : content.count + 1
  }
}
