/// The type of a section: what it holds.
///
/// The raw value is the id in the file, and the case's name is the type's name in reports and error
/// texts. This is the registry of ids: one is never reused, nor given another meaning.
/// Formats/container.md, sections 5 and 9, is the specification.
public enum SectionType: UInt16, Sendable, CaseIterable {
  // 1–15: parts of tensors. These and only these make up the digest of the weights.

  /// The values of a tensor that isn't quantized.
  case tensorDense = 1
  /// The codes of a packed tensor.
  case tensorCodes = 2
  /// The float16 scales of a packed tensor.
  case tensorScales = 3
  /// The zero points of a packed tensor whose grid isn't symmetric.
  case tensorZeros = 4
  /// The bitmask of a sparse tensor.
  case tensorMask = 5
  /// The kept combinations of a tensor with n:m sparsity.
  case tensorIndex = 6

  // 16–31: additions to the weights.

  /// A soft or hard prompt.
  case prompt = 16
  /// A learned prefix or a LoRA adapter.
  case adapter = 17
  /// A prompt's keys and values in every block.
  case promptKeyValues = 18
  /// A prompt's or prefix's routing key.
  case promptRoutingKey = 19

  // 32 and above: documents.

  /// A Hugging Face tokenizer.json.
  case tokenizer = 32
  /// The model's settings.
  case modelConfiguration = 33
  /// The recipe's text.
  case recipe = 34
  /// The inputs and the program that the bundle was made from.
  case provenance = 35
  /// Measured perplexities.
  case evidence = 36
  /// Numerical events of the build.
  case events = 37
  /// A signature of the weights, the prompts or the evidence.
  case signature = 38
  /// The text of the licence.
  case licence = 39
  /// The compression of each layer, with its errors.
  case ledger = 40

  // 41 and 42: copies for recovery. They are no content: no digest and no tree covers them.

  /// A copy of the header and the section table.
  case backup = 41
  /// A copy of a document's stored bytes.
  case documentCopy = 42

  /// The rules of the type. Every type has a line here: without it the file doesn't compile.
  var kind: SectionKind {
    switch self {
    case .tensorDense: .tensorDense
    case .tensorCodes: .tensorCodes
    case .tensorScales: .tensorScales
    case .tensorZeros: .tensorZeros
    case .tensorMask: .tensorMask
    case .tensorIndex: .tensorIndex
    case .prompt: .prompt
    case .adapter: .adapter
    case .promptKeyValues: .promptKeyValues
    case .promptRoutingKey: .promptRoutingKey
    case .tokenizer: .tokenizer
    case .modelConfiguration: .modelConfiguration
    case .recipe: .recipe
    case .provenance: .provenance
    case .evidence: .evidence
    case .events: .events
    case .signature: .signature
    case .licence: .licence
    case .ledger: .ledger
    case .backup: .backup
    case .documentCopy: .documentCopy
    }
  }

  /// Whether an id is in the range for parts of tensors, known to this version or not.
  static func isTensorPart(_ id: UInt16) -> Bool { (1...15).contains(id) }

  /// Whether this is a text or a record beside the weights and adapters.
  var isDocument: Bool { rawValue >= 32 && !isCopy }

  /// Whether this is a copy for recovery, which the writer makes and no content is read from.
  public var isCopy: Bool { self == .backup || self == .documentCopy }
}
