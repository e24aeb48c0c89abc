import Bytes

/// A section to be written into a bundle.
public struct NewSection: Sendable {
  /// The content's type.
  public var type: SectionType
  /// The layout of `bytes`, one that the type allows.
  public var layout: PackingLayout
  /// The features that a program needs to use the section, or to change the bundle.
  public var flags: SectionFlags
  /// The name: 1 to 1024 bytes of UTF-8 without control characters, and only once per type.
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
