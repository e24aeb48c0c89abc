import Bytes

/// Prompts and adapters: float32 values, everything else in the attributes. The two types share one
/// set of names.
extension SectionKind {
  /// A soft or hard prompt: embeddings [tokens, width].
  static let prompt = SectionKind(
    layouts: [.f32], name: .free, flags: SectionFlags(write: SectionFlags.boundToWeights),
    check: checkAdapter)

  /// A learned prefix [layers, 2, tokens, width], or per target of LoRA A [rank, inputs] and
  /// B [outputs, rank].
  static let adapter = prompt

  private static func checkAdapter(_ content: SectionContent) throws(Failure) -> String? {
    let (section, bundle) = (content.section, content.bundle)
    let adapter = try StoredAdapter(section: section, bytes: content.bytes)
    guard adapter.values.allSatisfy(\.isFinite) else { return "a value isn't finite" }
    guard section.flags.write & SectionFlags.boundToWeights != 0 else {
      return "its bound-to-weights flag is missing"
    }
    guard section.type == .prompt || bundle.section(.prompt, named: section.name) == nil else {
      return "a prompt has the same name"
    }
    return bundle.mismatchedTarget(of: adapter)
  }
}

extension NewSection {
  /// The section of an adapter; the type is `prompt` for embeddings, else `adapter`.
  public static func adapter(_ adapter: StoredAdapter) -> NewSection {
    NewSection(
      adapter.shape.sectionType, name: adapter.name, attributes: adapter.attributes,
      bytes: ByteSlice([UInt8](floats: adapter.values)))
  }
}

extension ModelBundle {
  /// All adapters, sorted by name: soft and hard prompts, prefixes and LoRA.
  /// - Throws: `invalidData` where one can't be read.
  public var adapters: [StoredAdapter] {
    get throws(Failure) {
      var adapters: [StoredAdapter] = []
      for section in sections(of: .prompt) + sections(of: .adapter) {
        adapters.append(try adapter(section))
      }
      return adapters.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
  }

  /// The adapter `name`; nil if the bundle has none of this name.
  /// - Throws: `invalidData` where it can't be read.
  public func adapter(named name: String) throws(Failure) -> StoredAdapter? {
    guard let section = section(.prompt, named: name) ?? section(.adapter, named: name) else {
      return nil
    }
    return try adapter(section)
  }

  private func adapter(_ section: Section) throws(Failure) -> StoredAdapter {
    do throws(Failure) {
      return try StoredAdapter(section: section, bytes: try bytes(of: section))
    } catch { throw error.located(file: path) }
  }

  /// The first fault of the tensors that a LoRA adapter updates; nil for none.
  fileprivate func mismatchedTarget(of adapter: StoredAdapter) -> String? {
    guard case .lowRank(let lowRank) = adapter.shape else { return nil }
    for target in lowRank.targets {
      let shape = descriptor(named: target.tensor)?.shape
      guard shape == [target.outputs, target.inputs] else {
        let found = shape.map { "has the shape \($0)" } ?? "isn't there"
        return "tensor \"\(target.tensor)\", beside which it has a part, \(found)"
      }
    }
    return nil
  }

  /// The adapters that were neither learned nor measured on these weights, and aren't marked so.
  func checkBindings() -> [Problem] {
    let weights = weightsDigest
    var strangers: [String] = []
    for section in sections(of: .prompt) + sections(of: .adapter) {
      // One at a time: together, the values of all may be larger than the file.
      guard let adapter = try? adapter(section) else { return [] }
      if adapter.binding.weights != weights, !adapter.unvalidated,
        !adapter.validatedOn.contains(where: { $0.weights == weights })
      {
        strangers.append(adapter.name)
      }
    }
    return strangers.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map {
      Problem(
        at: "prompt \"\($0)\"",
        "it was neither learned nor measured on these weights, and doesn't say so")
    }
  }
}

extension Sequence<Section> {
  /// The first name of both a prompt and an adapter; nil if there is none.
  var namedTwice: String? {
    let prompts = Set(filter { $0.type == .prompt }.map(\.name))
    return first { $0.type == .adapter && prompts.contains($0.name) }?.name
  }
}
