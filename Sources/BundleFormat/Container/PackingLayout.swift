import Bytes

/// The layout of a section's raw bytes: how they become numbers or text.
///
/// The raw value is the id in the file. Formats/packing.md is the specification; an id is never
/// given another meaning.
public enum PackingLayout: UInt16, Sendable, CaseIterable {
  /// Bytes without a structure that the format defines.
  case raw = 0
  /// IEEE binary32, little-endian, row-major.
  case f32 = 1
  /// IEEE binary16, little-endian, row-major.
  case f16 = 2
  /// The upper 16 bits of a binary32, little-endian, row-major.
  case bf16 = 3
  /// Canonical JSON text.
  case json = 4
  /// UTF-8 text.
  case text = 5
  /// 2-bit codes in bit planes, 16 bytes per block of 64 codes.
  case planar2 = 16
  /// 3-bit codes in bit planes, 24 bytes per block of 64 codes.
  case planar3 = 17
  /// 4-bit codes in bit planes, 32 bytes per block of 64 codes.
  case planar4 = 18
  /// 8-bit codes, 64 bytes per block of 64 codes.
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

  /// Whether this is a layout of 2-, 3-, 4- or 8-bit codes.
  public var isPlanar: Bool {
    switch self {
    case .planar2, .planar3, .planar4, .planar8: true
    default: false
    }
  }

  /// The layout's name in reports: "planar3".
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
