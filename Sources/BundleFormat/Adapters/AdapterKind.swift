/// The kinds of adapters, spelled as recipes, reports and bundles spell them.
public enum AdapterKind: String, Sendable, Codable, CaseIterable {
  /// A soft prompt: learned rows [n, d] before the token embeddings.
  case soft
  /// A hard prompt: the embeddings of a given text. Nothing is learned.
  case hard
  /// A prefix: learned keys and values before those of the text, in every block.
  case prefix
  /// Low-rank updates (LoRA) of linear layers.
  case lora

  /// The kinds whose numbers are learned.
  public static let learned: [AdapterKind] = [.soft, .prefix, .lora]
}
