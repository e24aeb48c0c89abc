import Bytes

/// Name, shape and form of storage of a tensor, without its bytes. Shapes are row-major, [out, in]
/// like the checkpoint's.
public struct TensorDescriptor: Sendable, Equatable {
  /// The checkpoint's name of the tensor.
  public var name: String
  /// Row-major, one to four dimensions.
  public var shape: [Int]
  /// `f32`, `f16`, `bf16`, or a planar layout.
  public var layout: PackingLayout
  /// Bits of one stored value: 32, 16, 8, 4, 3 or 2.
  public var bits: Int
  /// Columns that share a scale; 0 for dense tensors.
  public var groupSize: Int
  /// Whether the zero point is 2^(bits−1) everywhere; true for dense tensors.
  public var symmetric: Bool
  /// Every scale is to be multiplied by 2 to this power (−64…64).
  public var scaleExponent: Int
  /// The pattern of stored weights; nil if all are stored.
  public var sparsity: Sparsity?
  /// Whether mask or survivor index, codes, scales and zero points are in the order of `RowTiles`,
  /// sixteen rows side by side; only where `canBeInterleaved`.
  public var interleaved: Bool = false
  /// Bytes of all the tensor's sections in the file; 0 before it is written.
  public var storedBytes: Int = 0

  /// A pattern of stored weights; the others are exactly 0.
  public enum Sparsity: Sendable, Equatable {
    /// One bit per weight; `survivors` are kept.
    case bitmask(survivors: Int)
    /// n of every m neighbouring columns are kept.
    case nm(NMPattern)
  }

  /// The first dimension.
  public var rows: Int { shape.first ?? 0 }
  /// The product of all dimensions but the first.
  public var columns: Int { shape.dropFirst().reduce(1, *) }
  /// Weights of the tensor, dropped ones included.
  public var parameters: Int { rows * columns }
  /// Whether the weights are stored as codes.
  public var isPacked: Bool { layout.isPlanar }
  /// ceil(columns / groupSize); 0 for dense tensors.
  public var groups: Int { groupSize == 0 ? 0 : (columns + groupSize - 1) / groupSize }

  /// Weights that are stored.
  public var survivors: Int {
    switch sparsity {
    case nil: parameters
    case .bitmask(let survivors): survivors
    case .nm(let pattern): pattern.survivors(rows: rows, columns: columns) ?? 0
    }
  }

  /// The share of weights that are 0 because they aren't stored, 0…1.
  public var sparsityRatio: Double {
    parameters == 0 ? 0 : 1 - Double(survivors) / Double(parameters)
  }
}

/// The sizes that follow from a descriptor, and the checks that make them safe to compute.
extension TensorDescriptor {
  static let maximumElements = 1 << 40

  /// Throws `invalidData` unless every derived number is in range. To be called before any of them
  /// is used.
  func validate() throws(Failure) {
    func invalid(_ finding: String) -> Failure {
      Failure(.invalidData, at: "tensor \"\(name)\"", finding)
    }
    guard (1...4).contains(shape.count), shape.allSatisfy({ $0 >= 1 }) else {
      throw invalid("shape \(shape) needs 1 to 4 dimensions of at least 1")
    }
    var elements = 1
    for dimension in shape {
      let (product, overflowed) = elements.multipliedReportingOverflow(by: dimension)
      guard !overflowed, product <= Self.maximumElements else {
        throw invalid("shape \(shape) is too large")
      }
      elements = product
    }
    guard layout.bits == bits else {
      throw invalid("\(bits) bits don't go with layout \(layout.label)")
    }
    if isPacked {
      guard shape.count == 2 else {
        throw invalid("packed tensors have two dimensions, not \(shape.count)")
      }
      guard groupSize >= 1, groupSize <= columns else {
        throw invalid("group size \(groupSize) for \(columns) columns")
      }
      guard (-64...64).contains(scaleExponent) else {
        throw invalid("scale exponent \(scaleExponent) is outside −64…64")
      }
    } else {
      guard groupSize == 0, scaleExponent == 0, symmetric else {
        throw invalid("groups or scales on a dense tensor")
      }
    }
    if sparsity != nil, shape.count != 2 { throw invalid("a mask needs two dimensions") }
    if case .bitmask(let survivors) = sparsity, !(0...elements).contains(survivors) {
      throw invalid("\(survivors) survivors of \(elements) weights")
    }
    guard !interleaved || canBeInterleaved else {
      throw invalid(
        "interleaved rows need codes, a bitmask or n of \(RowTiles.columns), whole tiles of "
          + "\(RowTiles.rows) rows, and columns and groups in whole runs of 64")
    }
  }

  /// Bytes of the codes or the dense values.
  var valueBytes: Int? {
    if !isPacked { return survivors * (bits / 8) }
    if sparsity != nil { return Planar.size(count: survivors, bits: bits) }
    return Planar.size(count: columns, bits: bits).map { $0 * rows }
  }
  /// Bytes of the f16 scales [rows, groups].
  var scaleBytes: Int { rows * groups * 2 }
  /// Bytes of the zero points, codes of `bits` over [rows · groups] flattened.
  var zeroBytes: Int? { Planar.size(count: rows * groups, bits: bits) }
  var maskBytes: Int? { Bitmask.size(rows: rows, columns: columns) }
}

/// The attributes of the section that holds the codes or the dense values.
extension TensorDescriptor {
  var attributes: JSONObject {
    var object: JSONObject = ["shape": JSON(shape)]
    if isPacked {
      object["group_size"] = JSON(groupSize)
      object["symmetric"] = .bool(symmetric)
      if scaleExponent != 0 { object["scale_exponent"] = JSON(scaleExponent) }
      if interleaved { object["interleaved"] = JSON(RowTiles.rows) }
    }
    switch sparsity {
    case nil: break
    case .bitmask(let survivors):
      object["sparsity"] = ["kind": "bitmask", "survivors": JSON(survivors)]
    case .nm(let pattern):
      object["sparsity"] = ["kind": "nm", "kept": JSON(pattern.kept), "of": JSON(pattern.of)]
    }
    return object
  }

  /// From the section that holds the codes or the dense values; validated.
  init(section: Section) throws(Failure) {
    let place = "tensor \"\(section.name)\""
    func invalid(_ finding: String) -> Failure { Failure(.invalidData, at: place, finding) }
    guard let layout = section.layout, let bits = layout.bits,
      layout.isPlanar == (section.type == .tensorCodes)
    else { throw invalid("layout \(section.layoutID) doesn't hold weights") }
    let attributes = JSON.object(section.attributes)
    do throws(Failure) {
      let shape = try attributes.required("shape", as: [JSON].self)
      name = section.name
      self.shape = shape.compactMap(\.int)
      guard self.shape.count == shape.count else {
        throw invalid("its shape isn't a list of integers")
      }
      self.layout = layout
      self.bits = bits
      groupSize = 0
      symmetric = true
      scaleExponent = 0
      if layout.isPlanar {
        groupSize = try attributes.required("group_size", as: Int.self)
        symmetric = try attributes.required("symmetric", as: Bool.self)
        if attributes["scale_exponent"] != nil {
          scaleExponent = try attributes.required("scale_exponent", as: Int.self)
        }
      }
      sparsity = try attributes["sparsity"].map(Sparsity.init(json:))
      if let tile = attributes["interleaved"] {
        guard tile == JSON(RowTiles.rows) else {
          throw invalid("rows can be interleaved by \(RowTiles.rows) only")
        }
        interleaved = true
      }
    } catch {
      throw error.located(at: place)
    }
    guard (sparsity != nil) == (section.flags.read & SectionFlags.survivorsOnly != 0) else {
      throw invalid("its survivors-only flag contradicts its attributes")
    }
    guard interleaved == (section.flags.read & SectionFlags.interleavedRows != 0) else {
      throw invalid("its interleaved-rows flag contradicts its attributes")
    }
    try validate()
  }
}

extension TensorDescriptor.Sparsity {
  init(json: JSON) throws(Failure) {
    switch try json.required("kind", as: String.self) {
    case "bitmask":
      self = .bitmask(survivors: try json.required("survivors", as: Int.self))
    case "nm":
      let kept = try json.required("kept", as: Int.self)
      let of = try json.required("of", as: Int.self)
      guard let pattern = NMPattern(kept: kept, of: of) else {
        throw Failure(.invalidData, "\(kept) of \(of) is no n:m sparsity")
      }
      self = .nm(pattern)
    case let other: throw Failure(.invalidData, "unknown sparsity \"\(other)\"")
    }
  }
}
