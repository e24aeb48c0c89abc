import BundleFormat
import Bytes
import TestSupport
import Testing

/// Bundles with right hashes whose content or signatures somebody altered.
@Suite struct SignatureAttackTests {
  let folder: TemporaryFolder
  let path: String
  let target: String
  let signing: Signing

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.ctpack")
    target = folder.file("b.ctpack")
    signing = try Signing(folder)
    try Samples.write(path)
    try BundleSigner.sign(path, with: signing.key)
  }

  private func statement(_ tree: ContentTree) throws -> JSONObject {
    let trees = try ModelBundle(path: path).verifySignatures()
    let found = trees.first { $0.tree == tree }?.signatures.first?.statement
    return try #require(found?.json.object)
  }

  /// The verdicts after the signature of `tree` was replaced by `section`.
  private func replacing(
    _ tree: ContentTree, by section: NewSection
  ) throws -> [ContentTree: TreeVerification.Status] {
    let bundle = try ModelBundle(path: path)
    var writer = BundleWriter(path: target)
    for old in bundle.sections
    where old.type != .signature || !old.name.hasPrefix(tree.rawValue + ":") {
      try writer.add(copying: old, from: bundle)
    }
    writer.add(section)
    try writer.finishUnchecked()
    return try signing.status(target)
  }

  /// No section can be altered in any property, dropped or added without showing: its own tree's
  /// signature is invalid, and those of trees that don't depend on it stay valid.
  @Test func everySectionIsCovered() throws {
    let sections = try ModelBundle(path: path).sections.filter { $0.type != .signature }
    #expect(sections.count > 20)
    for victim in sections {
      let tree: ContentTree =
        (16...31).contains(victim.typeID)
        ? .prompts : [36, 37].contains(victim.typeID) ? .evidence : .weights
      let changes: [(String, (NewSection) -> NewSection?)] = [
        ("dropped", { _ in nil }),
        (
          "bytes",
          { old in
            var new = old
            var bytes = old.bytes.array
            if bytes.isEmpty { bytes = [1] } else { bytes[bytes.count - 1] ^= 1 }
            new.bytes = ByteSlice(bytes)
            return new
          }
        ),
        (
          "attributes",
          { old in
            var new = old
            new.attributes["note"] = "x"
            return new
          }
        ),
        (
          "flags",
          { old in
            var new = old
            new.flags.optional ^= 1 << 9
            return new
          }
        ),
        (
          "name",
          { old in
            var new = old
            new.name += "x"
            return new
          }
        ),
      ]
      for (what, change) in changes {
        try Signing.rewrite(path, to: target) { section, same in
          section == victim ? change(same) : same
        }
        let status = try signing.status(target)
        #expect(status[tree] == .invalid, "\(victim.label): \(what)")
        #expect(tree != .weights || status[.prompts] == .invalid, "\(victim.label): \(what)")
        #expect(tree == .weights || status[.weights] == .valid, "\(victim.label): \(what)")
        let errors = try ModelBundle.audit(path: target, level: .full)
        #expect(errors.contains { $0.place.hasPrefix("signature") }, "\(victim.label): \(what)")
      }
    }
  }

  /// One section more, of every type.
  @Test(arguments: SectionType.allCases.filter { $0 != .signature && !$0.isCopy })
  func noSectionCanBeAdded(type: SectionType) throws {
    let layout = try #require(
      PackingLayout.allCases.first { layout in
        var writer = BundleWriter(path: target)
        writer.add(type: type, layout: layout, name: "a", bytes: ByteSlice([]))
        return (try? writer.finishUnchecked()) != nil
      })
    let attributes: JSONObject =
      switch type {
      case .tensorDense: ["shape": [1]]
      case .tensorCodes: ["shape": [1, 1], "group_size": 1, "symmetric": true]
      default: [:]
      }
    try Signing.rewrite(
      path, to: target,
      adding: [
        NewSection(
          type: type, layout: layout, name: "added",
          attributes: attributes, bytes: ByteSlice([]))
      ])
    #expect(try signing.status(target).values.contains(.invalid), "\(type)")
  }

  @Test func aStatementIsOfOneTree() throws {
    let weights = JSON.object(try statement(.weights))
    // The weights' statement, signed well, under the prompts' name; then with the tree's word
    // changed, for which the signature isn't.
    let swapped = try Signing.section(
      weights, name: "prompts:\(signing.key.verifyingKey.id.hex)", by: signing.key)
    #expect(try replacing(.prompts, by: swapped)[.prompts] == .invalid)
    var prompts = try statement(.prompts)
    let raw = try Signing.section(weights, by: signing.key).bytes.array
    #expect(
      try replacing(.prompts, by: Signing.section(.object(prompts), by: signing.key, raw: raw))[
        .prompts] == .invalid)
    prompts["root"] = weights["root"]
    #expect(
      try replacing(.prompts, by: Signing.section(.object(prompts), by: signing.key))[.prompts]
        == .invalid)
  }

  /// The signature of one bundle in another with the same prompts, but other weights.
  @Test func aSignatureIsOfOneBundle() throws {
    let elsewhere = folder.file("c.ctpack")
    try Signing.rewrite(path, to: elsewhere) { section, same in
      section.name == "d.f32" ? nil : same
    }
    #expect(
      try signing.status(elsewhere) == [
        .weights: .invalid, .prompts: .invalid, .evidence: .invalid,
      ]
    )
    let audit = try ModelBundle.audit(path: elsewhere, level: .full)
    #expect(
      audit.contains { $0.finding == "it signs prompts of other weights than the bundle has" })
  }

  /// The prompt of one signed bundle beside the evidence of another, both signed by the same key.
  @Test func signedPartsCannotBeMixed() throws {
    let weights = try ModelBundle(path: path).weightsDigest
    var measured = Samples.evidence
    measured.prompt = "demo"
    var second = Samples.prompt("demo", weights: weights)
    second.objective = "kl"
    for (name, prompt) in [("one", Samples.prompt("demo", weights: weights)), ("two", second)] {
      let file = folder.file(name)
      try Samples.write(file)
      try BundleEditor.append(
        to: file, sections: [.evidence([measured]), .adapter(prompt)])
      try BundleSigner.sign(file, with: signing.key)
      #expect(try signing.status(file).values.allSatisfy { $0 == .valid })
    }
    let (one, two) = (
      try ModelBundle(path: folder.file("one")), try ModelBundle(path: folder.file("two"))
    )
    func isPrompt(_ section: Section) -> Bool {
      section.type == .prompt || section.name.hasPrefix("prompts:")
    }
    var writer = BundleWriter(path: target)
    for section in one.sections where !isPrompt(section) {
      try writer.add(copying: section, from: one)
    }
    for section in two.sections where isPrompt(section) {
      try writer.add(copying: section, from: two)
    }
    try writer.finishUnchecked()
    #expect(
      try signing.status(target) == [.weights: .valid, .prompts: .valid, .evidence: .invalid])
  }

  /// An old signature of the evidence, put back after the evidence was changed.
  @Test func anOldSignatureOfEvidenceIsNoUse() throws {
    let bundle = try ModelBundle(path: path)
    let old = try #require(
      bundle.sections(of: .signature).first { $0.name.hasPrefix("evidence:") })
    let edited = folder.file("edited.ctpack")
    try folder.write("edited.ctpack", try folder.read("a.ctpack"))
    var better = Samples.evidence
    better.ppl = 1.5
    try BundleEditor.append(to: edited, sections: [.evidence([better])])
    #expect(try signing.status(edited)[.evidence] == .unsigned)
    let after = try ModelBundle(path: edited)
    var writer = BundleWriter(path: target)
    for section in after.sections { try writer.add(copying: section, from: after) }
    try writer.add(copying: old, from: bundle)
    try writer.finishUnchecked()
    #expect(try signing.status(target)[.evidence] == .invalid)
    #expect(try signing.status(target)[.weights] == .valid)
    #expect(throws: Failure.self) { try ModelBundle(path: target, verify: .full) }
  }

  /// A signature by one key under the id of another, and under another algorithm.
  @Test func keysAreNotConfused() throws {
    var forged = try statement(.weights)
    // The forger's key, in the name of the trusted one.
    #expect(
      try replacing(.weights, by: Signing.section(.object(forged), by: signing.other))[.weights]
        == .invalid)
    // The forger's own statement is valid for the forger's key alone.
    forged["key"] = .string(signing.other.verifyingKey.id.hex)
    let own = try Signing.section(.object(forged), by: signing.other)
    #expect(try replacing(.weights, by: own)[.weights] == .unknownSigner)
    #expect(try signing.status(target, keys: [signing.other.verifyingKey])[.weights] == .valid)
    // Another algorithm than the key's.
    forged = try statement(.weights)
    forged["algorithm"] = "ed25519"
    #expect(
      try replacing(.weights, by: Signing.section(.object(forged), by: signing.key))[.weights]
        == .invalid)
  }

  /// The same statement with every bit of the signature flipped, cut, and with the other s.
  @Test func aSignatureIsNotMalleable() throws {
    let statement = JSON.object(try statement(.weights))
    let good = try Signing.section(statement, by: signing.key).bytes.array
    #expect(
      try replacing(.weights, by: Signing.section(statement, by: signing.key, raw: good))[.weights]
        == .valid)
    let order = try #require(
      Hexadecimal.decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"))
    var (high, borrow) = (good, 0)
    for at in (0..<32).reversed() {
      let value = Int(order[at]) - Int(good[32 + at]) - borrow
      high[32 + at] = UInt8(truncatingIfNeeded: value)
      borrow = value < 0 ? 1 : 0
    }
    var altered = [high, Array(good.dropLast()), good + [0], []]
    for bit in [0, 255, 256, 511] {
      var bytes = good
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      altered.append(bytes)
    }
    for bytes in altered {
      let section = try Signing.section(statement, by: signing.key, raw: bytes)
      #expect(try replacing(.weights, by: section)[.weights] == .invalid)
    }
  }

  /// A statement with any member missing, doubled in meaning, or of another type.
  @Test func everyMemberOfAStatementCounts() throws {
    for tree in ContentTree.allCases {
      let good = try statement(tree)
      for key in good.keys {
        for value in [nil, .null, 1, "x", .string(Samples.digest("x").hex), [:]] as [JSON?] {
          var bad = good
          bad[key] = value
          if bad == good { continue }
          let section = try Signing.section(
            .object(bad), name: "\(tree.rawValue):\(signing.key.verifyingKey.id.hex)",
            by: signing.key)
          #expect(
            try replacing(tree, by: section)[tree] == .invalid,
            "\(tree) without \(key), or \(value as Any)")
        }
      }
      for key in ["until", "made_by", "weights", "tokenizer", "prompts"] where good[key] == nil {
        var bad = good
        bad[key] = .string(Samples.digest("x").hex)
        #expect(
          try replacing(tree, by: Signing.section(.object(bad), by: signing.key))[tree] == .invalid)
      }
    }
  }

  @Test(arguments: [
    "2026-01-31", "2026-13-31T12:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:00:00+01:00",
    "２026-01-31T12:00:00Z", "",
  ])
  func aTimeIsATime(text: String) {
    #expect(!SignatureStatement.isTime(text))
    #expect(SignatureStatement.isTime("2026-01-31T12:00:60Z"))
  }
}
