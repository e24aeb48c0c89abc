import Bytes
import Dispatch
import Synchronization

/// The full check: SHA-256 of the raw bytes, and that each section holds what its type promises.
extension ModelBundle {
  func checkMeaning(skipping damaged: Set<Int>) -> [Problem] {
    let found = Mutex<[(index: Int, problems: [Problem])]>([])
    DispatchQueue.concurrentPerform(iterations: sections.count) { index in
      if damaged.contains(index) { return }
      let problems = checkSection(sections[index])
      if !problems.isEmpty { found.withLock { $0.append((index, problems)) } }
    }
    var problems = found.withLock { $0.sorted { $0.index < $1.index } }.flatMap(\.problems)
    let unreadable = Set(damaged.map { sections[$0].name })
    problems += checkTensors(skipping: unreadable)
    problems += checkBindings()
    return problems
  }

  private func checkSection(_ section: Section) -> [Problem] {
    func problem(_ finding: String) -> [Problem] { [Problem(at: section.label, finding)] }
    do throws(Failure) {
      let bytes = try bytes(of: section)
      guard SHA256Digest(hashing: bytes) == section.sha256 else {
        return problem("its SHA-256 doesn't match its content")
      }
      guard let type = section.type else {
        return [Problem(.note, at: section.label, "holds what this program doesn't know")]
      }
      guard section.layout.map({ type.allows($0) }) ?? false else {
        return problem("layout \(section.layoutID) isn't allowed for its type")
      }
      if section.layout == .text, String(validating: bytes.array, as: UTF8.self) == nil {
        return problem("its text isn't UTF-8")
      }
      if let origin = section.attributes["made_by"] { _ = try SectionOrigin(json: origin) }
      return try checkContent(section, type, bytes)
    } catch {
      return problem((error.place.map { $0 + ": " } ?? "") + error.finding)
    }
  }

  private func checkContent(
    _ section: Section, _ type: SectionType, _ bytes: ByteSlice
  ) throws(Failure) -> [Problem] {
    func problem(_ finding: String) -> [Problem] { [Problem(at: section.label, finding)] }
    switch type {
    case .prompt, .adapter:
      let adapter = try StoredAdapter(section: section, bytes: bytes)
      guard adapter.values.allSatisfy(\.isFinite) else { return problem("a value isn't finite") }
      guard section.flags.write & SectionFlags.boundToWeights != 0 else {
        return problem("its bound-to-weights flag is missing")
      }
      guard type == .prompt || self.section(.prompt, named: section.name) == nil else {
        return problem("a prompt has the same name")
      }
      if let finding = missingTarget(of: adapter) { return problem(finding) }
    case .promptKeyValues:
      let stored = try StoredKeyValues(section: section, bytes: bytes)
      guard bytes.halves().allSatisfy(\.isFinite) else { return problem("a value isn't finite") }
      guard self.section(.prompt, named: stored.name)?.sha256 == stored.prompt else {
        return problem("the prompt that it belongs to isn't there")
      }
      guard stored.weights == weightsDigest else { return problem("it is of other weights") }
    case .promptRoutingKey:
      let stored = try StoredRoutingKey(section: section, bytes: bytes)
      guard (stored.key + [stored.bias]).allSatisfy(\.isFinite) else {
        return problem("a value isn't finite")
      }
      guard adapterSection(named: stored.name)?.sha256 == stored.prompt else {
        return problem("the prompt that it belongs to isn't there")
      }
      guard stored.weights == weightsDigest else { return problem("it is of other weights") }
    case .tensorScales:
      guard bytes.halves().allSatisfy(\.isFinite) else { return problem("a scale isn't finite") }
    case .tensorDense:
      let values = bytes.floats(as: section.layout?.floatFormat ?? .float32)
      guard values.allSatisfy(\.isFinite) else { return problem("a value isn't finite") }
    case .modelConfiguration, .provenance, .evidence, .events:
      let value = try JSON(parsing: bytes)
      guard value.canonicalBytes == bytes.array else { return problem("its JSON isn't canonical") }
      switch type {
      case .provenance: _ = try Provenance(json: value)
      case .evidence: _ = try evidence
      case .events: _ = try events
      default: break
      }
    case .tokenizer: _ = try JSON(parsing: bytes)
    default: break
    }
    return []
  }

  /// The first fault of the tensors that a LoRA adapter updates; nil for none.
  private func missingTarget(of adapter: StoredAdapter) -> String? {
    guard case .lowRank(let lowRank) = adapter.shape else { return nil }
    let shapes = Dictionary(descriptors.map { ($0.name, $0.shape) }) { first, _ in first }
    for target in lowRank.targets {
      let shape = shapes[target.tensor]
      guard shape == [target.outputs, target.inputs] else {
        let found = shape.map { "has the shape \($0)" } ?? "isn't there"
        return "tensor \"\(target.tensor)\", beside which it has a part, \(found)"
      }
    }
    return nil
  }

  /// Parts and sizes of every tensor, its mask against its survivors, and zero padding inside its
  /// packing.
  private func checkTensors(skipping unreadable: Set<String>) -> [Problem] {
    var problems: [Problem] = []
    for descriptor in descriptors where !unreadable.contains(descriptor.name) {
      do throws(Failure) {
        guard let tensor = try tensor(named: descriptor.name) else { continue }
        _ = try tensor.keptFlags()
        if !tensor.hasCleanPadding {
          problems.append(
            Problem(at: "tensor \"\(descriptor.name)\"", "the padding of its codes isn't zero"))
        }
      } catch {
        problems.append(Problem(at: error.place ?? "tensor \"\(descriptor.name)\"", error.finding))
      }
    }
    let known = Set(descriptors.map { Array($0.name.utf8) })
    for section in sections where (3...6).contains(section.typeID) {
      if !known.contains(Array(section.name.utf8)) {
        problems.append(Problem(at: section.label, "there is no tensor of this name"))
      }
    }
    return problems
  }

  /// Adapters that were neither learned nor measured on these weights, and aren't marked so.
  private func checkBindings() -> [Problem] {
    guard let adapters = try? adapters else { return [] }
    let weights = weightsDigest
    var problems: [Problem] = []
    for adapter in adapters where adapter.binding.weights != weights && !adapter.unvalidated {
      if !adapter.validatedOn.contains(where: { $0.weights == weights }) {
        problems.append(
          Problem(
            at: "prompt \"\(adapter.name)\"",
            "it was neither learned nor measured on these weights, and doesn't say so"))
      }
    }
    if let stated = try? provenance?.tokenizer, let actual = tokenizerDigest, stated != actual {
      problems.append(Problem(at: "provenance", "it names another tokenizer than the bundle holds"))
    }
    return problems
  }
}

extension SectionType {
  /// Which layouts a type may have.
  func allows(_ layout: PackingLayout) -> Bool {
    switch self {
    case .tensorDense: [.f32, .f16, .bf16].contains(layout)
    case .tensorCodes, .tensorZeros: layout.isPlanar
    case .tensorScales: layout == .f16
    case .tensorMask: layout == .bitmask
    case .tensorIndex: layout == .nm
    case .prompt, .adapter, .promptRoutingKey: layout == .f32
    case .promptKeyValues: layout == .f16
    case .modelConfiguration, .provenance, .evidence, .events, .ledger: layout == .json
    case .tokenizer: [.json, .raw, .text].contains(layout)
    case .recipe, .licence: layout == .text
    case .signature: true
    }
  }
}

extension StoredTensor {
  /// Whether codes and zero points beyond the last one are 0, as the canonical form asks.
  var hasCleanPadding: Bool {
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
