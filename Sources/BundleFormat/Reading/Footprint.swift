import Bytes

/// The size of the compressed tensors (packed, sparse or both), by kind of part.
public struct Footprint: Sendable, Equatable {
  /// A kind of stored bytes.
  public enum Part: String, Sendable, CaseIterable {
    /// Codes, or the kept numbers of sparse tensors that aren't quantized.
    case codes
    /// The scales of groups.
    case scales
    /// The zero points of groups.
    case zeros
    /// Bitmasks.
    case mask
    /// Kept combinations of n:m sparsity.
    case index
  }

  /// A form of storage to count the bytes of.
  public enum Form: Sendable {
    /// Bytes in this file.
    case stored
    /// Bytes of the directly mapped form, whatever this file has.
    case mapped
  }

  /// Weights of the compressed tensors, pruned ones included.
  public private(set) var parameters = 0
  private var stored: [Part: Int] = [:]
  private var mapped: [Part: Int] = [:]

  /// Bytes of `part` in the form `form`, all compressed tensors together.
  public func bytes(_ part: Part, _ form: Form) -> Int {
    (form == .stored ? stored : mapped)[part] ?? 0
  }

  /// Bits of `part` per weight of the compressed tensors; 0 where there are none.
  public func bitsPerWeight(_ part: Part, _ form: Form) -> Double {
    parameters == 0 ? 0 : Double(bytes(part, form)) * 8 / Double(parameters)
  }

  /// Bits of all parts per weight of the compressed tensors; 0 where there are none.
  public func bitsPerWeight(_ form: Form) -> Double {
    Part.allCases.reduce(0) { $0 + bitsPerWeight($1, form) }
  }

  fileprivate mutating func add(_ descriptor: TensorDescriptor, _ parts: [Section]) {
    parameters += descriptor.parameters
    for section in parts {
      guard let part = Part(section.type) else { continue }
      stored[part, default: 0] += section.storedSize
      mapped[part, default: 0] += section.rawSize
    }
  }
}

extension Footprint.Part {
  fileprivate init?(_ type: SectionType?) {
    switch type {
    case .tensorCodes, .tensorDense: self = .codes
    case .tensorScales: self = .scales
    case .tensorZeros: self = .zeros
    case .tensorMask: self = .mask
    case .tensorIndex: self = .index
    default: return nil
    }
  }
}

extension TensorDescriptor {
  /// Whether it is smaller than plain numbers would be: packed, sparse or both.
  public var isCompressed: Bool { isPacked || sparsity != nil }
}

extension ModelBundle {
  /// The footprint of the compressed tensors; only the table is read.
  public var footprint: Footprint {
    var footprint = Footprint()
    for descriptor in descriptors where descriptor.isCompressed {
      footprint.add(descriptor, parts(of: descriptor))
    }
    return footprint
  }

  /// `coded` where any tensor is.
  public var storage: TensorStorage {
    sections.contains { $0.codec == .blocks } ? .coded : .mapped
  }
}
