import Builds
import BundleFormat
import Bytes
import Models
import Numerics
import Prompts
import Routing

/// The stage that writes the artifact: a bundle of weights, tokenizer, prompt, evidence, events,
/// provenance and recipe.
struct PackageStage: Stage {
  let recipe: Recipe
  /// The paths of the checkpoint's files.
  let sourceFiles: [String]
  /// The estimated size of the artifact in bytes.
  let bytes: Int

  static let name = "package"
  static let bundle = StageOutput("bundle", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 5 }
  var parameters: JSON {
    ["recipe": recipe.canonical(files: [:]), "program": .string(ProgramVersion.current)]
  }
  var usesKernels: Bool { true }
  /// The unit of progress: tokens of the vocabulary, over which the prompt's routing key is
  /// learned. The other parts take little time.
  var unit: String { "token" }
  var work: Double { 50 }
  var needs: StageNeeds {
    StageNeeds(memory: recipe.prompt == nil ? 128 << 20 : 512 << 20, disk: bytes)
  }

  /// The names of the stages recorded in provenance.
  private var stages: [String] {
    [ImportStage.name, CalibrateStage.name, CompressStage.name]
      + (recipe.prompt?.needsTeacherStage == true ? [TeacherStage.name] : [])
      + (recipe.prompt == nil ? [] : [PromptOutputs.stage])
      + (recipe.evaluations.isEmpty ? [] : [VerifyStage.name])
      + (recipe.tasks.isEmpty ? [] : [TaskStage.name])
      + (recipe.isMeasured ? [GateStage.name] : [])
  }

  struct Inputs {
    let full: FileInput
    let compressed: FileInput
    let events: FileInput
    let ledger: FileInput
    /// The prompt's files; nil without a prompt.
    let prompt: PromptOutputs.Inputs?
    /// The record of the prompt's learning; nil without a prompt.
    let training: FileInput?
    /// The measurements of texts; nil without evaluations.
    let evidence: FileInput?
    /// The measurements of tasks; nil without tasks.
    let tasks: FileInput?
    /// The records of the stages that made the artifact, in order.
    let records: [(stage: String, record: RecordInput)]
    let texts: [(role: String, name: String, file: FileInput)]
    /// The checkpoint's files.
    let sources: [(name: String, file: FileInput)]
  }

  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      full: list.output(ImportStage.model, as: "full"),
      compressed: list.output(CompressStage.model), events: list.output(CompressStage.events),
      ledger: list.output(CompressStage.ledger),
      prompt: recipe.prompt == nil ? nil : PromptOutputs.declare(in: &list),
      training: recipe.prompt == nil ? nil : list.output(PromptOutputs.training),
      evidence: recipe.evaluations.isEmpty ? nil : list.output(VerifyStage.evidence),
      tasks: recipe.tasks.isEmpty ? nil : list.output(TaskStage.evidence, as: "tasks"),
      records: stages.map { ($0, list.record(of: $0)) },
      texts: recipe.texts.map {
        ($0.role, PathNames.last($0.path), list.file($0.path, as: "text \($0.role)"))
      },
      sources: sourceFiles.sorted().map {
        let name = PathNames.last($0)
        return (name, list.file($0, as: "checkpoint \(name)"))
      })
  }
  var outputs: [StageOutput] { [Self.bundle] }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    let compressed = try ModelBundle(path: context.path(inputs.compressed))
    let full = try ModelBundle(path: context.path(inputs.full))
    let evidence = try [inputs.evidence, inputs.tasks].compactMap(\.self).flatMap { input in
      try (context.json(input).array ?? []).map { try EvidenceRecord(json: $0) }
    }
    let target = context.partial.scratch("bundle.ctpack")
    var writer = BundleWriter(
      ownFile: target, storage: recipe.packaging.storage, hasCopies: true)
    for section in compressed.sections { try writer.add(recoding: section, from: compressed) }
    if let prompt = recipe.prompt, let files = inputs.prompt, let training = inputs.training {
      let learned = try LearnedPrompt(context, files).prompt(
        prompt, training: context.path(training),
        data: data(prompt.texts.map(\.role), context, inputs),
        binding: StoredAdapter.Binding(
          baseModel: full.weightsDigest, tokenizer: compressed.tokenizerDigest,
          weights: compressed.weightsDigest),
        validatedOn: Self.validations(evidence, weights: compressed.weightsDigest))
      writer.addAdapter(learned)
      let model = try LanguageModel(bundle: compressed)
      let weights = compressed.weightsDigest
      if prompt.keyValues {
        writer.add(.keyValues(try learned.keyValues(in: model, weights: weights)))
      }
      let progress = ProgressHandler { (done, total, _) throws(Failure) in
        context.report(done, of: total, "routing key")
        try context.checkStop()
      }
      let key = try StoredRoutingKey.learn(
        for: learned, in: model, weights: weights, progress: progress)
      if let key { writer.add(.routingKey(key)) }
    }
    let files = files(context, inputs)
    let text = ByteSlice(Array((recipe.canonical(files: files).prettyText + "\n").utf8))
    writer.add(.document(.recipe, bytes: text))
    writer.add(.evidence(evidence))
    writer.add(.document(.events, json: try context.json(inputs.events)))
    writer.add(.document(.ledger, json: try context.json(inputs.ledger)))
    var provenance = provenance(full, recipe: SHA256Digest(hashing: text), context, inputs)
    provenance.initialPrompt = try inputs.training.flatMap {
      try context.json($0)[PromptOutputs.initialPrompt].map { try .init(json: $0) }
    }
    writer.add(.provenance(provenance))
    try context.checkStop()
    let digest = try writer.finish()
    return StageResult(
      outputs: [Self.bundle: .file(target)], summary: ["digest": .string(digest.hex)])
  }

  /// Returns the measurements of the compressed model with its prompt, for the prompt's record.
  private static func validations(
    _ evidence: [EvidenceRecord], weights: SHA256Digest
  ) -> [Validation] {
    evidence.compactMap { with -> Validation? in
      guard with.model == "compressed", with.prompt != nil, with.task == nil,
        let without = evidence.first(where: {
          $0.model == "compressed" && $0.prompt == nil && $0.text == with.text && $0.task == nil
        })
      else { return nil }
      return Validation(
        weights: weights, protocol: with.protocol, text: with.text, textDigest: with.textDigest,
        pplWithout: without.ppl, pplWith: with.ppl, scoredTokens: with.scoredTokens,
        arithmetic: with.arithmetic)
    }
  }

  /// Returns the texts of these roles, with their digests at the stage's start.
  private func data(
    _ roles: [String], _ context: StageContext, _ inputs: Inputs
  ) -> [Provenance.DataSource] {
    inputs.texts.filter { roles.contains($0.role) }.map {
      Provenance.DataSource(role: $0.role, name: $0.name, sha256: context.digest($0.file))
    }
  }

  /// Returns the base names and digests of all input files by role.
  private func files(
    _ context: StageContext, _ inputs: Inputs
  ) -> [String: [(name: String, digest: SHA256Digest)]] {
    var files: [String: [(name: String, digest: SHA256Digest)]] = [:]
    for (name, file) in inputs.sources {
      files["model", default: []].append((name, context.digest(file)))
    }
    for (role, name, file) in inputs.texts {
      files[role, default: []].append((name, context.digest(file)))
    }
    return files
  }

  /// Returns the artifact's provenance: models, data, stages and program version.
  private func provenance(
    _ full: ModelBundle, recipe digest: SHA256Digest, _ context: StageContext, _ inputs: Inputs
  ) -> Provenance {
    let source = inputs.sources.map { name, file in
      Provenance.SourceFile(
        name: name, sha256: context.digest(file), bytes: context.byteCount(file))
    }
    return Provenance(
      baseModel: full.weightsDigest, baseModelName: recipe.modelName,
      tokenizer: full.tokenizerDigest,
      data: data(recipe.texts.map(\.role), context, inputs), recipe: digest,
      programVersion: ProgramVersion.current, kernelClass: BLAS.kernelClass,
      stages: inputs.records.map {
        Provenance.Stage(name: $0.stage, key: context.record($0.record).key.digest)
      },
      sourceFiles: source)
  }
}

extension StoredAdapter {
  /// Returns the keys and values of this prompt in every block of `model`, whose weights have the
  /// digest `weights`.
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
      weights: weights, values: try known.float16Bytes)
  }
}
