import Bytes

/// The differences in content between two bundles. Neither storage (codec, order of sections,
/// generation, space that edits left) nor signatures count: a compacted, recoded or signed bundle is
/// the same as before.
public struct BundleDifference: Sendable {
  /// Presence of a named part in the two bundles.
  public enum Presence: String, Sendable {
    /// Only the first bundle has it.
    case onlyInFirst = "only in the first"
    /// Only the second bundle has it.
    case onlyInSecond = "only in the second"
    /// Both have it, with different content.
    case inBoth = "differs"
  }

  /// A document (recipe, provenance, evidence …) that isn't the same in both.
  public struct Document: Sendable {
    /// The document's type.
    public let type: SectionType
    /// The bundles that have it.
    public let presence: Presence
    /// Values of a JSON document, or lines of a text, that differ.
    public let changes: [ValueChange]
  }

  /// A tensor that isn't the same in both.
  public struct Tensor: Sendable {
    /// The checkpoint's name of the tensor.
    public let name: String
    /// Shape and form of storage in the first bundle; nil if it lacks the tensor.
    public let first: TensorDescriptor?
    /// Shape and form of storage in the second bundle; nil if it lacks the tensor.
    public let second: TensorDescriptor?
    /// nil where one bundle lacks the tensor, or the shapes differ.
    public let values: TensorDeviation?
  }

  /// Any other section that isn't the same in both: prompts, adapters, keys and values, routing keys.
  public struct Other: Sendable {
    /// The section's type and name, as `Section.label` gives them.
    public let label: String
    /// The bundles that have it.
    public let presence: Presence
    /// Attributes that differ.
    public let changes: [ValueChange]
    /// The deviation of its numbers; nil where they are no floats or of different counts.
    public let values: TensorDeviation?
  }

  /// Documents that differ, in the order of their types.
  public let documents: [Document]
  /// Tensors that differ, by name.
  public let tensors: [Tensor]
  /// Other sections that differ, in the table's order.
  public let others: [Other]
  /// Tensors that are the same in both.
  public let sameTensors: Int

  /// Whether both bundles have the same content.
  public var isEmpty: Bool { documents.isEmpty && tensors.isEmpty && others.isEmpty }

  /// - Parameters:
  ///   - readsValues: whether weights that differ are read and compared number by number.
  ///   - onTensor: called after each tensor that is read, with how many are done and to do; a thrown
  ///     failure ends the comparison.
  /// - Throws: `invalidData` where a part that differs can't be read.
  public init(
    _ first: ModelBundle, _ second: ModelBundle, readsValues: Bool = true,
    onTensor: (_ done: Int, _ all: Int) throws(Failure) -> Void = { _, _ in }
  ) throws(Failure) {
    let pairs = SectionPair.all(first, second).filter { $0.type != .signature }
    let changed = pairs.filter { !$0.isSame }
    documents = try Self.documents(changed, first, second)
    (tensors, sameTensors) = try Self.tensors(pairs, first, second, readsValues, onTensor)
    others = try Self.others(changed, first, second)
  }

  private static func documents(
    _ changed: [SectionPair], _ first: ModelBundle, _ second: ModelBundle
  ) throws(Failure) -> [Document] {
    var documents: [Document] = []
    for pair in changed {
      guard let type = pair.type, type.isDocument else { continue }
      var changes: [ValueChange] = []
      if let a = pair.first, let b = pair.second {
        changes = try ValueChange.between(
          SectionContent(section: a, bytes: try first.bytes(of: a), bundle: first),
          SectionContent(section: b, bytes: try second.bytes(of: b), bundle: second))
      }
      documents.append(Document(type: type, presence: pair.presence, changes: changes))
    }
    return documents
  }

  private static func tensors(
    _ pairs: [SectionPair], _ first: ModelBundle, _ second: ModelBundle, _ readsValues: Bool,
    _ onTensor: (Int, Int) throws(Failure) -> Void
  ) throws(Failure) -> ([Tensor], same: Int) {
    var (names, differing, deviating) = (Set<String>(), Set<String>(), Set<String>())
    for pair in pairs where pair.type.map({ SectionType.isTensorPart($0.rawValue) }) == true {
      names.insert(pair.name)
      if !pair.isSame { differing.insert(pair.name) }
      if pair.first?.sha256 != pair.second?.sha256 { deviating.insert(pair.name) }
    }
    func descriptors(_ bundle: ModelBundle) -> [String: TensorDescriptor] {
      Dictionary(bundle.tensors.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
    }
    let (before, after) = (descriptors(first), descriptors(second))
    var tensors: [Tensor] = []
    for name in differing.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      var values: TensorDeviation?
      if !deviating.contains(name) {
        // Only where they come from differs.
        values = TensorDeviation(equal: before[name]?.parameters ?? 0)
      } else if readsValues, before[name]?.shape == after[name]?.shape,
        let a = try first.tensor(named: name), let b = try second.tensor(named: name)
      {
        values = try TensorDeviation(a, b)
      }
      tensors.append(
        Tensor(name: name, first: before[name], second: after[name], values: values))
      try onTensor(tensors.count, differing.count)
    }
    return (tensors, names.count - differing.count)
  }

  private static func others(
    _ changed: [SectionPair], _ first: ModelBundle, _ second: ModelBundle
  ) throws(Failure) -> [Other] {
    var others: [Other] = []
    for pair in changed {
      if let type = pair.type, type.isDocument || SectionType.isTensorPart(type.rawValue) {
        continue
      }
      var (changes, values) = ([ValueChange](), TensorDeviation?.none)
      if let a = pair.first, let b = pair.second {
        changes = ValueChange.between(.object(a.attributes), .object(b.attributes))
        values = TensorDeviation(
          try first.bytes(of: a), try second.bytes(of: b), layouts: (a.layout, b.layout))
      }
      others.append(
        Other(label: pair.label, presence: pair.presence, changes: changes, values: values))
    }
    return others
  }
}

/// The sections of one type and name in two bundles.
private struct SectionPair {
  /// nil where the first bundle has none.
  let first: Section?
  /// nil where the second bundle has none.
  let second: Section?
  let type: SectionType?
  let name: String
  let label: String

  private init(_ first: Section?, _ second: Section?, named section: Section) {
    self.first = first
    self.second = second
    type = section.type
    name = section.name
    label = section.label
  }

  var presence: BundleDifference.Presence {
    second == nil ? .onlyInFirst : first == nil ? .onlyInSecond : .inBoth
  }

  /// Whether all that a bundle's digest counts is the same in both.
  var isSame: Bool {
    guard let first, let second else { return false }
    return first.layoutID == second.layoutID && first.flags == second.flags
      && first.attributes == second.attributes && first.rawSize == second.rawSize
      && first.sha256 == second.sha256
  }

  /// All pairs, in the table's order.
  static func all(_ first: ModelBundle, _ second: ModelBundle) -> [SectionPair] {
    var pairs: [SectionPair] = []
    var (a, b) = (first.sections[...], second.sections[...])
    pairs.reserveCapacity(max(a.count, b.count))
    while let x = a.first ?? b.first {
      let y = b.first
      if let y, a.isEmpty || Section.precedes(y, x) {
        pairs.append(SectionPair(nil, y, named: y))
        b.removeFirst()
      } else if let y, !Section.precedes(x, y) {
        pairs.append(SectionPair(x, y, named: x))
        a.removeFirst()
        b.removeFirst()
      } else {
        pairs.append(SectionPair(x, nil, named: x))
        a.removeFirst()
      }
    }
    return pairs
  }
}
