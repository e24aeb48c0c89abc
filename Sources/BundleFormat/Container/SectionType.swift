import Bytes

/// What a section holds. Ids are never reused.
public enum SectionType: UInt16, Sendable, CaseIterable {
  // 1–15: tensors. These and only these make up the weights' digest.
  case tensorDense = 1
  case tensorCodes = 2
  case tensorScales = 3
  case tensorZeros = 4
  case tensorMask = 5
  case tensorIndex = 6
  // 16–31: what is added to the weights.
  case prompt = 16
  case adapter = 17
  case promptKeyValues = 18
  case promptRoutingKey = 19
  // 32–: documents.
  case tokenizer = 32
  case modelConfiguration = 33
  case recipe = 34
  case provenance = 35
  case evidence = 36
  case events = 37
  case signature = 38
  case licence = 39
  case ledger = 40

  /// Whether an id is in the range kept for the parts of tensors, known or not.
  static func isTensorPart(_ id: UInt16) -> Bool { (1...15).contains(id) }

  /// Whether this is a text or a record beside the weights and prompts.
  var isDocument: Bool { rawValue >= 32 }
}

/// How a section's bytes are to be read. An id is never given another meaning.
public enum PackingLayout: UInt16, Sendable, CaseIterable {
  case raw = 0
  case f32 = 1
  case f16 = 2
  case bf16 = 3
  /// Canonical JSON text.
  case json = 4
  /// UTF-8 text.
  case text = 5
  case planar2 = 16
  case planar3 = 17
  case planar4 = 18
  case planar8 = 19
  /// One bit per weight, rows padded to 64 columns, 1 = kept.
  case bitmask = 32
  /// n of m: which combination of each group of m columns is kept.
  case nm = 34

  /// The planar layout of `bits`-wide codes; nil where there is none.
  public static func planar(bits: Int) -> PackingLayout? {
    switch bits {
    case 2: .planar2
    case 3: .planar3
    case 4: .planar4
    case 8: .planar8
    default: nil
    }
  }

  /// Bits of one element: a code or a number; nil for documents and masks.
  public var bits: Int? {
    switch self {
    case .f32: 32
    case .f16, .bf16: 16
    case .planar2: 2
    case .planar3: 3
    case .planar4: 4
    case .planar8: 8
    case .raw, .json, .text, .bitmask, .nm: nil
    }
  }

  /// The layout of plain numbers in `format`.
  public init(_ format: FloatFormat) {
    self =
      switch format {
      case .float32: .f32
      case .float16: .f16
      case .bfloat16: .bf16
      }
  }

  /// The format of plain numbers; nil for codes, masks and documents.
  public var floatFormat: FloatFormat? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }

  public var isPlanar: Bool {
    switch self {
    case .planar2, .planar3, .planar4, .planar8: true
    default: false
    }
  }

  /// The name that reports show.
  public var label: String {
    switch self {
    case .raw: "raw"
    case .f32: "f32"
    case .f16: "f16"
    case .bf16: "bf16"
    case .json: "json"
    case .text: "text"
    case .planar2: "planar2"
    case .planar3: "planar3"
    case .planar4: "planar4"
    case .planar8: "planar8"
    case .bitmask: "bitmask"
    case .nm: "nm"
    }
  }
}

/// How a section's stored bytes become its raw bytes.
public enum Codec: UInt8, Sendable, CaseIterable {
  case none = 0
  /// One zstd frame that states its content size.
  case zstd = 1
  /// Blocks that are entropy coded one by one, so that they decode side by side.
  case blocks = 2
}
