import Bytes

/// The size of the compressed layers (`ModelBundle.compressedLayers()`), by kind of part.
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

  /// Weights of the compressed layers, pruned ones included.
  public private(set) var parameters = 0
  private var stored: [Part: Int] = [:]
  private var mapped: [Part: Int] = [:]

  /// Bytes of `part` in the form `form`, all compressed layers together.
  public func bytes(_ part: Part, _ form: Form) -> Int {
    (form == .stored ? stored : mapped)[part] ?? 0
  }

  /// Bits of `part` per weight of the compressed layers; 0 where there are none.
  public func bitsPerWeight(_ part: Part, _ form: Form) -> Double {
    parameters == 0 ? 0 : Double(bytes(part, form)) * 8 / Double(parameters)
  }

  /// Bits of all parts per weight of the compressed layers; 0 where there are none.
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
  /// The tensors that count as compressed layers: those in the ledger, or all compressed tensors if
  /// the file has no ledger. Embeddings and output heads in 8 or 4 bits are in no ledger; they would
  /// hide what the layers take. Throws `invalidData` for a damaged ledger.
  public func compressedLayers() throws(Failure) -> [TensorDescriptor] {
    let compressed = descriptors.filter(\.isCompressed)
    guard let layers = try ledger?["layers"]?.array else { return compressed }
    let names = Set(layers.compactMap { $0["tensor"]?.string })
    return compressed.filter { names.contains($0.name) }
  }

  /// The footprint of the compressed layers; only the table and the ledger are read. Throws
  /// `invalidData` for a damaged ledger.
  public func footprint() throws(Failure) -> Footprint {
    var footprint = Footprint()
    for descriptor in try compressedLayers() { footprint.add(descriptor, parts(of: descriptor)) }
    return footprint
  }

  /// `coded` where any tensor is.
  public var storage: TensorStorage {
    sections.contains { $0.codec == .blocks } ? .coded : .mapped
  }
}
