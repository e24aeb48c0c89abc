extension CodedBlocks.Transform {
  var id: UInt8 {
    switch self {
    case .none: 0
    case .pairs: 1
    case .halves: 2
    case .symbols: 3
    }
  }

  /// Bits of a symbol; 0 where there are none.
  var width: UInt8 { if case .symbols(let width) = self { UInt8(width) } else { 0 } }

  /// nil where this version doesn't know it.
  init?(id: UInt8, width: UInt8) {
    switch (id, width) {
    case (0, 0): self = .none
    case (1, 0): self = .pairs
    case (2, 0): self = .halves
    case (3, 5...7): self = .symbols(width: Int(width))
    default: return nil
    }
  }

  /// Whether a section of this layout and size can have it.
  func suits(_ layout: PackingLayout?, size: Int) -> Bool {
    switch self {
    case .none: true
    case .pairs: layout == .planar3 && size % CodePairs.packedSize == 0
    case .halves: (layout == .f16 || layout == .bf16) && size % 2 == 0
    case .symbols: layout == .nm
    }
  }

  /// Bytes after the transform of `count` raw ones.
  func size(of count: Int) -> Int {
    switch self {
    case .none, .halves: count
    case .pairs: count / CodePairs.packedSize * CodePairs.pairedSize
    case .symbols(let width): (count * 8 + width - 1) / width
    }
  }

  /// The transform that suits a section best. Zero points and codes of 3 bits are spread over
  /// planes, none of which compresses on its own; those of 2 and 4 bits are whole symbols in a byte
  /// already.
  init(for section: NewSection) {
    switch section.layout {
    case .planar3: self = .pairs
    case .f16, .bf16: self = .halves
    case .nm:
      guard case .nm(let pattern)? = section.tensor?.descriptor.sparsity else {
        self = .none
        return
      }
      // As many whole ranks as a byte holds; a byte that they fill is a symbol as it is.
      let width = 8 / max(1, pattern.rankBits) * pattern.rankBits
      self = (5...7).contains(width) ? .symbols(width: width) : .none
    default: self = .none
    }
  }
}
