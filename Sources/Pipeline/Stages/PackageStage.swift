import BundleFormat
import Bytes
import Models
import Numerics
import Prompts

/// Everything that was made → one bundle: weights, tokenizer, prompt, evidence, events, provenance
/// and recipe.
struct PackageStage: Stage {
  let recipe: Recipe
  let sourceFiles: [String]
  /// Of the artifact, estimated.
  let bytes: Int

  static let name = "package"
  static let bundle = "bundle"

  var name: String { Self.name }
  var algorithmVersion: Int { 4 }
  var parameters: JSON {
    ["recipe": recipe.canonical(files: [:]), "program": .string(ProgramVersion.current)]
  }
  var usesKernels: Bool { true }
  /// Of the vocabulary, over which the prompt's routing key is learned: nothing else takes long.
  var unit: String { "token" }
  var work: Double { 50 }
  var needs: StageNeeds {
    StageNeeds(memory: recipe.prompt == nil ? 128 << 20 : 512 << 20, disk: bytes)
  }

  private var stages: [String] {
    [ImportStage.name, CalibrateStage.name, CompressStage.name]
      + (recipe.prompt?.needsTeacherStage == true ? [TeacherStage.name] : [])
      + (recipe.prompt == nil ? [] : [PromptStage.name])
      + (recipe.evaluations.isEmpty ? [] : [VerifyStage.name, GateStage.name])
  }

  var inputs: [StageInput] {
    var inputs: [StageInput] = [
      StageInput(name: "full", source: .output(stage: ImportStage.name, name: ImportStage.model)),
      StageInput(
        name: "compressed", source: .output(stage: CompressStage.name, name: CompressStage.model)),
      .output(CompressStage.events, of: CompressStage.name),
      .output(CompressStage.ledger, of: CompressStage.name),
    ]
    if recipe.prompt != nil {
      inputs.append(.output(PromptStage.prompt, of: PromptStage.name))
      inputs.append(.output(PromptStage.form, of: PromptStage.name))
      inputs.append(.output(PromptStage.training, of: PromptStage.name))
    }
    if !recipe.evaluations.isEmpty {
      inputs.append(.output(VerifyStage.evidence, of: VerifyStage.name))
    }
    return inputs + stages.map { .record(of: $0) }
      + recipe.texts.map { .file("text \($0.role)", $0.path) }
      + sourceFiles.map { .file("checkpoint \(Recipe.lastName($0))", $0) }
  }

  func run(_ context: StageContext) throws -> StageResult {
    let compressed = try ModelBundle(path: context.path("compressed"))
    let full = try ModelBundle(path: context.path("full"))
    let evidence = try recipe.evaluations.isEmpty ? [] : records(context)
    let target = context.partial.scratch("bundle.ctpack")
    var writer = BundleWriter(path: target, storage: recipe.packaging.storage)
    for section in compressed.sections { try writer.add(recoding: section, from: compressed) }
    if let prompt = recipe.prompt {
      let learned = try self.prompt(prompt, evidence, full, compressed, context)
      writer.addAdapter(learned)
      let model = try LanguageModel(bundle: compressed)
      let weights = compressed.weightsDigest
      if prompt.keyValues {
        writer.add(.keyValues(try learned.keyValues(in: model, weights: weights)))
      }
      let key = try StoredRoutingKey.learn(for: learned, in: model, weights: weights) {
        (done, of) throws(Failure) in
        context.report(done, of: of, "routing key")
        try context.checkStop()
      }
      if let key { writer.add(.routingKey(key)) }
    }
    let files = try self.files(context)
    let text = ByteSlice(Array((recipe.canonical(files: files).prettyText + "\n").utf8))
    writer.add(.document(.recipe, bytes: text))
    writer.add(.evidence(evidence))
    for (name, type) in [
      (CompressStage.events, SectionType.events), (CompressStage.ledger, .ledger),
    ] {
      let path = try context.path(name)
      writer.add(.document(type, json: try JSON(parsing: MappedFile(path: path).bytes, file: path)))
    }
    writer.add(
      .provenance(try provenance(full, recipe: SHA256Digest(hashing: text), context)))
    try context.checkStop()
    let digest = try writer.finish()
    return StageResult(
      outputs: [Self.bundle: .file(target)], summary: ["digest": .string(digest.hex)])
  }

  private func records(_ context: StageContext) throws -> [EvidenceRecord] {
    let path = try context.path(VerifyStage.evidence)
    return try (JSON(parsing: MappedFile(path: path).bytes, file: path).array ?? [])
      .map { try EvidenceRecord(json: $0) }
  }

  private func prompt(
    _ recipe: PromptRecipe, _ evidence: [EvidenceRecord], _ full: ModelBundle,
    _ compressed: ModelBundle,
    _ context: StageContext
  ) throws -> StoredAdapter {
    let weights = compressed.weightsDigest
    let measured = evidence.compactMap { with -> Validation? in
      guard with.model == "compressed", with.prompt != nil,
        let without = evidence.first(where: {
          $0.model == "compressed" && $0.prompt == nil && $0.text == with.text
        })
      else { return nil }
      return Validation(
        weights: weights, protocol: with.protocol, text: with.text, textDigest: with.textDigest,
        pplWithout: without.ppl, pplWith: with.ppl, scoredTokens: with.scoredTokens)
    }
    return try LearnedPrompt(context).prompt(
      recipe, training: context.path(PromptStage.training),
      data: try recipe.texts.map {
        Provenance.DataSource(
          role: $0.role, name: Recipe.lastName($0.path),
          sha256: try context.digest("text \($0.role)"))
      },
      binding: StoredAdapter.Binding(
        baseModel: full.weightsDigest, tokenizer: compressed.tokenizerDigest, weights: weights),
      validatedOn: measured)
  }

  /// Base names and digests of every file that went in, by what it was used for.
  private func files(_ context: StageContext) throws -> [String: [(
    name: String, digest: SHA256Digest
  )]] {
    var files: [String: [(name: String, digest: SHA256Digest)]] = [:]
    for file in sourceFiles.sorted() {
      let name = Recipe.lastName(file)
      files["model", default: []].append((name, try context.digest("checkpoint \(name)")))
    }
    for text in recipe.texts {
      files[text.role, default: []].append(
        (Recipe.lastName(text.path), try context.digest("text \(text.role)")))
    }
    return files
  }

  private func provenance(
    _ full: ModelBundle, recipe digest: SHA256Digest, _ context: StageContext
  ) throws -> Provenance {
    let source = try sourceFiles.sorted().map { file -> JSON in
      let name = Recipe.lastName(file)
      return [
        "name": .string(name), "sha256": .string(try context.digest("checkpoint \(name)").hex),
      ]
    }
    return Provenance(
      baseModel: full.weightsDigest, baseModelName: recipe.modelName,
      tokenizer: full.tokenizerDigest,
      data: try recipe.texts.map {
        Provenance.DataSource(
          role: $0.role, name: Recipe.lastName($0.path),
          sha256: try context.digest("text \($0.role)"))
      }, recipe: digest, programVersion: ProgramVersion.current, kernelClass: BLAS.kernelClass,
      stages: try stages.map {
        Provenance.Stage(name: $0, key: try context.record(of: $0).key.digest)
      },
      other: ["source_files": .array(source)])
  }
}

extension StoredAdapter {
  /// The keys and values that this prompt has in a model with these weights.
  func keyValues(
    in model: LanguageModel, weights: SHA256Digest
  ) throws(Failure) -> StoredKeyValues {
    guard case .embeddings(let tokens, let width, _) = shape else {
      preconditionFailure("an adapter has no keys and values to be computed")
    }
    let known = try KeyValues(of: Tensor([tokens, width], values), in: model)
    return StoredKeyValues(
      of: self, layers: model.configuration.layers,
      width: model.configuration.kvHeads * model.configuration.headDim,
      weights: weights, values: known.float16Bytes)
  }
}
