import Bytes

/// The parts of tensors. Each has the tensor's name; Formats/packing.md says how they fit together.
///
/// `ModelBundle.tensor(named:)` reads the parts as one `StoredTensor`, and the audit checks them
/// together, whatever is checked of each alone here.
extension SectionKind {
  /// The values of a dense tensor, or its survivors.
  static let tensorDense = SectionKind(layouts: [.f32, .f16, .bf16], name: .free) { content in
    content.bytes.isFinite(as: content.section.layout?.floatFormat ?? .float32)
      ? nil : "a value isn't finite"
  }

  /// The codes of a packed tensor, or of its survivors.
  static let tensorCodes = SectionKind(
    layouts: PackingLayout.allCases.filter(\.isPlanar), name: .free)

  /// Scales [rows, groups].
  static let tensorScales = SectionKind(layouts: [.f16], name: .free, owner: .tensor) { content in
    content.bytes.isFinite(as: .float16) ? nil : "a scale isn't finite"
  }

  /// Zero points [rows, groups], in the layout of the codes.
  static let tensorZeros = SectionKind(
    layouts: PackingLayout.allCases.filter(\.isPlanar), name: .free, owner: .tensor)

  /// One bit per weight: whether it is kept.
  static let tensorMask = SectionKind(layouts: [.bitmask], name: .free, owner: .tensor)

  /// The rank of the kept combination of each group of m columns.
  static let tensorIndex = SectionKind(layouts: [.nm], name: .free, owner: .tensor)
}

extension SectionType {
  /// Whether such a section holds a tensor's values or codes, and in its attributes the shape.
  var holdsWeights: Bool { self == .tensorDense || self == .tensorCodes }
}

extension NewSection {
  /// The sections of a tensor. `origin`: the stage that made it, for the attribute `made_by`.
  public static func tensor(
    _ tensor: StoredTensor, origin: SectionOrigin? = nil, policy: CodecPolicy = .automatic
  ) -> [NewSection] {
    let descriptor = tensor.descriptor
    var attributes = descriptor.attributes
    attributes["made_by"] = origin?.json
    let flags = SectionFlags(
      read: (descriptor.sparsity == nil ? 0 : SectionFlags.survivorsOnly)
        | (descriptor.interleaved ? SectionFlags.interleavedRows : 0))
    let parts: [(SectionType, PackingLayout, ByteSlice?)] = [
      (.tensorDense, descriptor.layout, tensor.dense),
      (.tensorCodes, descriptor.layout, tensor.codes),
      (.tensorScales, .f16, tensor.scales), (.tensorZeros, descriptor.layout, tensor.zeros),
      (.tensorMask, .bitmask, tensor.mask), (.tensorIndex, .nm, tensor.index),
    ]
    return parts.compactMap { type, layout, bytes in
      guard let bytes else { return nil }
      var section = NewSection(
        type: type, layout: layout, name: descriptor.name,
        attributes: type.holdsWeights ? attributes : [:], bytes: bytes,
        flags: type.holdsWeights ? flags : type.kind.flags, policy: policy)
      section.tensor = tensor
      return section
    }
  }
}

extension ModelBundle {
  /// Parts and sizes of every tensor, its mask against its survivors, and zero padding inside its
  /// packing; then the parts without a tensor.
  func checkTensors(skipping unreadable: Set<String>) -> [Problem] {
    var problems: [Problem] = []
    for descriptor in descriptors where !unreadable.contains(descriptor.name) {
      do throws(Failure) {
        guard let tensor = try tensor(named: descriptor.name) else { continue }
        try tensor.checkSurvivors()
        if !tensor.hasCleanPadding {
          problems.append(
            Problem(at: "tensor \"\(descriptor.name)\"", "the padding of its codes isn't zero"))
        }
      } catch {
        problems.append(Problem(at: error.place ?? "tensor \"\(descriptor.name)\"", error.finding))
      }
    }
    let known = Set(descriptors.map { Array($0.name.utf8) })
    for section in sections where section.type?.kind.isPartOfTensor == true {
      if !known.contains(Array(section.name.utf8)) {
        problems.append(Problem(at: section.label, "there is no tensor of this name"))
      }
    }
    return problems
  }
}

extension StoredTensor {
  /// Whether codes and zero points beyond the last one are 0, as the canonical form requires.
  fileprivate var hasCleanPadding: Bool {
    func clean(_ packed: ByteSlice, count: Int) -> Bool {
      let padded = (count + Planar.blockSize - 1) / Planar.blockSize * Planar.blockSize
      guard padded > count else { return true }
      let start = count / Planar.blockSize * Planar.blockBytes(bits: descriptor.bits)
      guard let block = packed.slice(start..<packed.count) else { return false }
      return Planar.unpack(block, count: Planar.blockSize, bits: descriptor.bits)
        .dropFirst(count % Planar.blockSize).allSatisfy { $0 == 0 }
    }
    if let zeros, !clean(zeros, count: descriptor.rows * descriptor.groups) { return false }
    guard let codes else { return true }
    if descriptor.sparsity != nil { return clean(codes, count: descriptor.survivors) }
    let rowBytes = codes.count / descriptor.rows
    return (0..<descriptor.rows).allSatisfy { row in
      codes.slice(row * rowBytes..<(row + 1) * rowBytes).map {
        clean($0, count: descriptor.columns)
      } ?? false
    }
  }
}
