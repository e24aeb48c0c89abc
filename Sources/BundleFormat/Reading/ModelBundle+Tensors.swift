import Bytes

/// The weights of a bundle.
extension ModelBundle {
  /// Every tensor's descriptor, by name.
  public var tensors: [TensorDescriptor] {
    descriptors.map { descriptor in
      var descriptor = descriptor
      descriptor.storedBytes = parts(of: descriptor).reduce(0) { $0 + $1.storedSize }
      return descriptor
    }
  }

  /// The descriptor of the tensor `name`; nil if the bundle has none of this name.
  func descriptor(named name: String) -> TensorDescriptor? {
    var (low, high) = (0, descriptors.count)
    while low < high {
      let middle = (low + high) / 2
      if descriptors[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low < descriptors.count && descriptors[low].name.utf8.elementsEqual(name.utf8)
      ? descriptors[low] : nil
  }

  /// All sections that belong to a tensor.
  func parts(of descriptor: TensorDescriptor) -> [Section] {
    let types: [SectionType] = [
      descriptor.isPacked ? .tensorCodes : .tensorDense, .tensorScales, .tensorZeros, .tensorMask,
      .tensorIndex,
    ]
    return types.compactMap { section($0, named: descriptor.name) }
  }

  /// The tensor and its bytes; nil where the bundle has none of this name. Throws `invalidData`
  /// where a part is missing, superfluous or not of the size that follows from the shape.
  public func tensor(named name: String) throws(Failure) -> StoredTensor? {
    let place = "tensor \"\(name)\""
    guard let values = section(.tensorCodes, named: name) ?? section(.tensorDense, named: name)
    else {
      return nil
    }
    func part(_ type: SectionType, _ layouts: PackingLayout...) throws(Failure) -> ByteSlice? {
      guard let section = section(type, named: name) else { return nil }
      guard let layout = section.layout, layouts.contains(layout) else {
        throw Failure(
          .invalidData, at: section.label, "layout \(section.layoutID) isn't allowed for its type")
      }
      return try bytes(of: section)
    }
    do throws(Failure) {
      let descriptor = try TensorDescriptor(section: values)
      let isPacked = descriptor.isPacked
      if section(.tensorCodes, named: name) != nil, section(.tensorDense, named: name) != nil {
        throw Failure(.invalidData, "it is there both packed and dense")
      }
      let bytes = try bytes(of: values)
      let tensor = StoredTensor(
        descriptor: descriptor, codes: isPacked ? bytes : nil,
        scales: try part(.tensorScales, .f16), zeros: try part(.tensorZeros, descriptor.layout),
        mask: try part(.tensorMask, .bitmask), index: try part(.tensorIndex, .nm),
        dense: isPacked ? nil : bytes)
      try tensor.validateSizes()
      return tensor
    } catch {
      throw error.located(file: path, at: place)
    }
  }

  /// Weights in all tensors, pruned ones included.
  public var parameters: Int { descriptors.reduce(0) { $0 + $1.parameters } }

  /// Stored bits of all tensors (codes, scales, zeros, masks) per weight; 0 without tensors.
  public var bitsPerWeight: Double {
    let bytes = sections.filter { SectionType.isTensorPart($0.typeID) }.reduce(0) {
      $0 + $1.storedSize
    }
    return parameters == 0 ? 0 : Double(bytes) * 8 / Double(parameters)
  }
}
