import Bytes

/// A section to be written into a bundle.
public struct NewSection: Sendable {
  /// The content's type.
  public var type: SectionType
  /// The layout of `bytes`, one that the type allows.
  public var layout: PackingLayout
  /// The features that a program needs to use the section, or to change the bundle.
  public var flags: SectionFlags
  /// The name: 1 to 1024 bytes of UTF-8 without invisible characters, and only once per type. That
  /// of a prompt or adapter has 1 to 100 letters, digits, `-`, `_` and `.`, of which neither `.` nor
  /// `-` comes first.
  public var name: String
  /// A JSON object; empty for none.
  public var attributes: JSONObject
  /// Raw bytes. Large ones are best slices of mapped files: they are only read when written.
  public var bytes: ByteSlice
  /// The compression to use.
  public var policy: CodecPolicy
  /// The tensor that this is a part of, which coding needs besides the bytes.
  var tensor: StoredTensor?

  /// A rule for compressing a section.
  public enum CodecPolicy: Sendable {
    /// Documents if that saves 3 % or more; tensors and prompts never, so that they can be mapped.
    case automatic
    /// No compression.
    case never
    /// Any section, if that saves 3 % or more: for artifacts that are shipped more than served.
    case whereItPays
    /// Documents as with `automatic`; parts of tensors in coded blocks if that saves 2 % or more.
    case coded
  }

  /// A section of any type with the flags `flags`. Types with rules of their own have constructors:
  /// `tensor`, `adapter`, `document` and others.
  public init(
    type: SectionType, layout: PackingLayout, name: String, attributes: JSONObject = [:],
    bytes: ByteSlice, flags: SectionFlags = SectionFlags(), policy: CodecPolicy = .automatic
  ) {
    self.type = type
    self.layout = layout
    self.flags = flags
    self.name = name
    self.attributes = attributes
    self.bytes = bytes
    self.policy = policy
  }
}

extension NewSection {
  /// The rule that the section's name breaks, as a clause; nil if it breaks none. The rules are in
  /// section 4 of Formats/container.md.
  ///
  /// - Parameter isNamedAnew: whether the rules for new names hold, not only those for reading.
  func nameFault(isNamedAnew: Bool) -> String? {
    guard !name.isEmpty, name.utf8.count <= ContainerLayout.maximumNameSize,
      name.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
    else { return "its name is empty, too long or holds control characters" }
    guard isNamedAnew else { return nil }
    if let character = PlainName.invisible(in: name) {
      return "its name holds \(character), which can't be seen"
    }
    let isGiven = type == .prompt || type == .adapter || !type.kind.owners.isEmpty
    return isGiven && !PlainName.allows(name) ? "a prompt's name takes \(PlainName.letters)" : nil
  }
}
