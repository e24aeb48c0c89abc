import Bytes

/// A decoding step from tokens to text. Each step maps a list of texts to another list; the last
/// list is joined.
enum Decoder: Sendable {
  case byteLevel
  case byteFallback
  case fuse
  case replace(TextPattern, with: [UInt8])
  case strip(scalar: UInt32, start: Int, stop: Int)
  case metaspace(replacement: UInt32, dropsFirst: Bool)

  /// Applies the step. Texts are bytes, since byte-level tokens may end inside a character.
  func apply(_ tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .byteLevel: [tokens.flatMap { ByteAlphabet.read($0) ?? $0 }]
    case .byteFallback: Self.joinBytes(tokens)
    case .fuse: [Array(tokens.joined())]
    case .replace(let pattern, let content): tokens.map { Self.replace($0, pattern, content) }
    case .strip(let scalar, let start, let stop): tokens.map { Self.strip($0, scalar, start, stop) }
    case .metaspace(let replacement, let dropsFirst):
      tokens.enumerated().map { index, token in
        Self.spaces(token, replacement, drops: index == 0 && dropsFirst)
      }
    }
  }

  /// Decodes each run of byte tokens `<0x..>` as UTF-8; an invalid run becomes one U+FFFD per byte.
  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var bytes: [UInt8] = []
    func flush() {
      if bytes.isEmpty { return }
      if UTF8Text.firstInvalid(bytes) == nil {
        result.append(bytes)
      } else {
        for _ in bytes { result.append([0xEF, 0xBF, 0xBD]) }
      }
      bytes = []
    }
    for token in tokens {
      if let byte = ByteToken.value(token) {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  private static func replace(
    _ token: [UInt8], _ pattern: TextPattern, _ content: [UInt8]
  ) -> [UInt8] {
    var result: [UInt8] = []
    var end = 0
    pattern.matches(token, 0..<token.count) { match in
      result.append(contentsOf: token[end..<match.lowerBound])
      result.append(contentsOf: content)
      end = match.upperBound
    }
    return result + token[end...]
  }

  private static func strip(_ token: [UInt8], _ wanted: UInt32, _ start: Int, _ stop: Int)
    -> [UInt8]
  {
    var lower = 0
    var upper = token.count
    for _ in 0..<start {
      guard lower < upper, UTF8Text.scalar(token, lower).value == wanted else { break }
      lower += UTF8Text.scalar(token, lower).length
    }
    for _ in 0..<stop {
      guard upper > lower, UTF8Text.scalar(token, before: upper).value == wanted else { break }
      upper -= UTF8Text.scalar(token, before: upper).length
    }
    return Array(token[lower..<upper])
  }

  private static func spaces(_ token: [UInt8], _ replacement: UInt32, drops: Bool) -> [UInt8] {
    var result: [UInt8] = []
    for scalar in UTF8Text.scalars(token) {
      if scalar != replacement {
        UTF8Text.append(scalar, to: &result)
      } else if !drops {
        result.append(0x20)
      }
    }
    return result
  }
}

/// The tokens of single bytes in a vocabulary of characters: `<0x00>`…`<0xFF>`.
enum ByteToken {
  /// The token of `byte`.
  static func text(_ byte: UInt8) -> [UInt8] {
    Array("<0x\(Hexadecimal.encode([byte]).uppercased())>".utf8)
  }

  /// The byte that `token` represents; nil for other tokens.
  static func value(_ token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: Array("<0x".utf8)), token[5] == UInt8(ascii: ">")
    else {
      return nil
    }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }
}

extension Decoder {
  /// The steps of the component at `place`, sequences flattened; nil if there is no decoder.
  static func read(_ place: JSONPlace?, depth: Int = 0) throws(Failure) -> [Decoder]? {
    guard let place else { return nil }
    let type = try place.type()
    switch type {
    case "Sequence":
      var steps: [Decoder] = []
      for part in try place.parts("decoders", depth: depth) {
        steps += try read(part, depth: depth + 1) ?? []
      }
      return steps
    case "ByteLevel": return [.byteLevel]
    case "ByteFallback": return [.byteFallback]
    case "Fuse": return [.fuse]
    case "Replace":
      return [
        .replace(
          try TextPattern(place.required("pattern")),
          with: Array(try place.required("content").string().utf8))
      ]
    case "Strip":
      return [
        .strip(
          scalar: try place.required("content").scalar(),
          start: try count(place.required("start")), stop: try count(place.required("stop")))
      ]
    case "Metaspace":
      return [
        .metaspace(
          replacement: try place.required("replacement").scalar(),
          dropsFirst: try PreTokenizers.prependScheme(place) != .never)
      ]
    default: throw place.unsupported("decoder", type)
    }
  }

  private static func count(_ place: JSONPlace) throws(Failure) -> Int {
    let count = try place.integer()
    guard count >= 0 else {
      throw place.failure("is \(count); expected a number of characters, 0 or more")
    }
    return count
  }
}
