import Bytes

/// Digests of a bundle's content, independent of order, codec and generation: a bundle with an
/// appended prompt and its compacted form have the same.
enum ContentDigest {
  /// SHA-256 over `label`, a newline, and per section in the table's order: type u16, layout u16,
  /// flags 3 × u16, size of the name u32, name, size of the attributes u32, attributes (canonical
  /// JSON, nothing where empty), raw size u64, SHA-256 of the raw bytes. All little-endian.
  static func of(_ sections: [Section], label: String) -> SHA256Digest {
    var hasher = SHA256Hasher()
    hasher.update(label + "\n")
    for section in sections.sorted(by: Section.precedes) {
      let name = Array(section.name.utf8)
      let attributes =
        section.attributes.isEmpty ? [] : JSON.object(section.attributes).canonicalBytes
      var bytes: [UInt8] = []
      bytes.append(littleEndian: section.typeID)
      bytes.append(littleEndian: section.layoutID)
      bytes.append(littleEndian: section.flags.read)
      bytes.append(littleEndian: section.flags.write)
      bytes.append(littleEndian: section.flags.optional)
      bytes.append(littleEndian: UInt32(name.count))
      bytes += name
      bytes.append(littleEndian: UInt32(attributes.count))
      bytes += attributes
      bytes.append(littleEndian: UInt64(section.rawSize))
      bytes += section.sha256.bytes
      hasher.update(bytes)
    }
    return hasher.finish()
  }

  /// The digest of all content. Signatures don't count: a bundle has the same one before and after
  /// it is signed. Nor do copies for recovery, which hold nothing of their own.
  static func canonical(_ sections: [Section]) -> SHA256Digest {
    of(
      sections.filter { $0.type != .signature && $0.type?.isCopy != true },
      label: "ctpack content 1")
  }

  static func weights(_ sections: [Section]) -> SHA256Digest {
    of(sections.filter { SectionType.isTensorPart($0.typeID) }, label: "ctpack weights 1")
  }
}

extension ModelBundle {
  /// SHA-256 of the bundle's content.
  public var canonicalDigest: SHA256Digest { ContentDigest.canonical(sections) }

  /// SHA-256 of the tensors only, to which prompts are bound.
  public var weightsDigest: SHA256Digest {
    knownWeightsDigest.digest { ContentDigest.weights(sections) }
  }

  /// SHA-256 of the tokenizer section's raw bytes; nil if the bundle has none.
  public var tokenizerDigest: SHA256Digest? {
    documentSection(.tokenizer)?.sha256
  }

  /// SHA-256 of the checkpoint that the bundle was made from; nil if the provenance is missing.
  public var baseModelDigest: SHA256Digest? {
    get throws(Failure) { try provenance?.baseModel }
  }
}
