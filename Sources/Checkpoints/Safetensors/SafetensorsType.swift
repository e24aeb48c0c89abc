import Bytes

/// The element types of the safetensors format. A file may contain tensors of any type, but those
/// of the model must be F32, F16 or BF16.
package enum SafetensorsType: String, Sendable, CaseIterable {
  case bool = "BOOL"
  case f4 = "F4"
  case f6e2m3 = "F6_E2M3"
  case f6e3m2 = "F6_E3M2"
  case u8 = "U8"
  case i8 = "I8"
  case f8e5m2 = "F8_E5M2"
  case f8e4m3 = "F8_E4M3"
  case f8e8m0 = "F8_E8M0"
  case f8e4m3fnuz = "F8_E4M3FNUZ"
  case f8e5m2fnuz = "F8_E5M2FNUZ"
  case i16 = "I16"
  case u16 = "U16"
  case f16 = "F16"
  case bf16 = "BF16"
  case i32 = "I32"
  case u32 = "U32"
  case f32 = "F32"
  case i64 = "I64"
  case u64 = "U64"
  case f64 = "F64"
  case c64 = "C64"

  /// Bits per element.
  var bits: Int {
    switch self {
    case .f4: 4
    case .f6e2m3, .f6e3m2: 6
    case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz: 8
    case .i16, .u16, .f16, .bf16: 16
    case .i32, .u32, .f32: 32
    case .i64, .u64, .f64, .c64: 64
    }
  }

  /// The float format of F32, F16 and BF16; nil for other types.
  package var floatFormat: FloatFormat? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }

  /// Bytes of a tensor of this type and shape; nil on overflow or if they aren't a whole number.
  package func byteCount(_ shape: [Int]) -> Int? {
    var bits = self.bits
    // A zero anywhere makes the tensor empty, whatever the other dimensions are.
    if shape.contains(0) { return 0 }
    for size in shape {
      let (product, overflowed) = bits.multipliedReportingOverflow(by: size)
      if overflowed { return nil }
      bits = product
    }
    return bits % 8 == 0 ? bits / 8 : nil
  }
}
