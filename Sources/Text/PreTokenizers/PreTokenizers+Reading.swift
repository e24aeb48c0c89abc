import Bytes

extension PreTokenizers {
  init(_ place: JSONPlace?) throws(Failure) {
    steps = []
    if let place { try add(place, depth: 0) }
  }

  private mutating func add(_ place: JSONPlace, depth: Int) throws(Failure) {
    let type = try place.type()
    switch type {
    case "Sequence":
      for part in try place.parts("pretokenizers", depth: depth) { try add(part, depth: depth + 1) }
    case "ByteLevel":
      steps.append(
        .byteLevel(
          addsPrefixSpace: try place.flag("add_prefix_space", default: true),
          splits: try place.flag("use_regex", default: true), writes: true))
    case "Digits":
      let individual = try place.flag("individual_digits", default: false)
      steps.append(.characters(.number, individual ? .isolated : .contiguous))
    case "Split":
      steps.append(
        .split(
          try TextPattern(place.required("pattern")), try Self.behavior(place.required("behavior")),
          inverted: try place.flag("invert", default: false)))
    case "Punctuation":
      let behavior = place.optional("behavior")
      steps.append(
        .characters(
          .punctuation,
          try behavior.map { (b) throws(Failure) in try Self.behavior(b) } ?? .isolated))
    case "Whitespace": steps.append(.whitespace)
    case "WhitespaceSplit": steps.append(.characters(.whitespace, .removed))
    case "CharDelimiterSplit":
      steps.append(.characters(.scalar(try place.required("delimiter").scalar()), .removed))
    case "Metaspace":
      steps.append(
        .metaspace(
          replacement: try place.required("replacement").scalar(), try Self.prependScheme(place),
          splits: try place.flag("split", default: true)))
    default: throw place.unsupported("pre-tokenizer", type)
    }
  }

  private static func behavior(_ place: JSONPlace) throws(Failure) -> PreTokenizer.Behavior {
    let name = try place.string()
    guard let behavior = PreTokenizer.Behavior(rawValue: name) else {
      throw place.unsupported("split behavior", name)
    }
    return behavior
  }

  /// The prepend scheme, from the key `prepend_scheme` or the older `add_prefix_space`; if both are
  /// present, they must agree.
  static func prependScheme(_ place: JSONPlace) throws(Failure) -> PreTokenizer.PrependScheme {
    let old = try place.optional("add_prefix_space").map { (p) throws(Failure) in try p.bool() }
    guard let new = place.optional("prepend_scheme") else {
      return old == false ? .never : .always
    }
    guard let scheme = PreTokenizer.PrependScheme(rawValue: try new.string()) else {
      throw new.unsupported("prepend scheme", try new.string())
    }
    if old == false, scheme != .never {
      throw place.failure("add_prefix_space is false, but prepend_scheme is \"\(scheme.rawValue)\"")
    }
    return scheme
  }

  /// Leaves out the byte alphabet if only the last step writes it, so that the model takes raw
  /// bytes. Returns whether it was left out.
  mutating func leaveBytesRaw() -> Bool {
    guard case .byteLevel(let adds, let splits, writes: true)? = steps.last else { return false }
    for step in steps.dropLast() { if case .byteLevel = step { return false } }
    steps[steps.count - 1] = .byteLevel(addsPrefixSpace: adds, splits: splits, writes: false)
    return true
  }
}
