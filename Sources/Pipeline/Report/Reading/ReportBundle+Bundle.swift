import BundleFormat
import Bytes
import Checkpoints

extension ReportBundle {
  /// Everything that `bundle` records, under the name `name`.
  ///
  /// - Throws: `invalidData` where a document can't be read.
  package init(
    _ bundle: ModelBundle, named name: String, in protocols: inout ReportProtocols
  ) throws(Failure) {
    let footprint = try bundle.footprint()
    self.init(
      name: name, digest: bundle.canonicalDigest, weights: bundle.weightsDigest,
      fileBytes: bundle.fileBytes, parameters: bundle.parameters,
      bitsPerWeight: bundle.bitsPerWeight)
    if footprint.parameters > 0 {
      layerBits = footprint.bitsPerWeight(.stored)
      let kept = try bundle.compressedLayers().reduce(0) { $0 + $1.survivors }
      let share = 1 - Double(kept) / Double(footprint.parameters)
      layerSparsity = share > 0 ? share : nil
    }
    if let configuration = try? ModelConfiguration(canonical: bundle.configuration) {
      design =
        "\(configuration.family.name) family, \(configuration.layers) blocks, width "
        + "\(configuration.hiddenSize), vocabulary \(Figure.count(configuration.vocabularySize))"
    }
    let provenance = try bundle.provenance
    if let provenance { add(provenance) }
    // A recipe that isn't in canonical form can't be compared field by field.
    if let bytes = try bundle.recipe, let json = try? JSON(parsing: bytes), json.object != nil {
      recipe = json
    }
    events = try bundle.events.groupedInOrder(by: \.kind).map { ($0.key, $0.elements.count) }
    let tokenizer = bundle.tokenizerDigest
    add(try bundle.evidence, tokenizer: tokenizer, in: &protocols)
    for adapter in try bundle.adapters {
      prompts.append(
        ReportPrompt(adapter, on: bundle.weightsDigest, tokenizer: tokenizer, in: &protocols))
    }
    try addLayers(of: bundle, in: &protocols)
  }

  private mutating func add(_ provenance: Provenance) {
    baseModel = provenance.baseModel
    baseModelName = provenance.baseModelName
    sourceBytes = provenance.sourceBytes
    programVersion = provenance.programVersion
    kernelClass = provenance.kernelClass
    stages = provenance.stages.map { ($0.name, $0.key) }
    texts = provenance.data.map { ($0.role, $0.name, $0.sha256) }
  }

  /// The tensors, with the errors of those that the ledger names.
  private mutating func addLayers(
    of bundle: ModelBundle, in protocols: inout ReportProtocols
  ) throws(Failure) {
    let ledger = try bundle.ledger
    var errors: [String: Double] = [:]
    for entry in ledger?["layers"]?.array ?? [] {
      if let tensor = entry["tensor"]?.string {
        errors[tensor] = entry["relativeOutputError"]?.double
      }
    }
    layers = bundle.tensors.map { tensor in
      ReportLayer(
        tensor: tensor.name, shape: tensor.shape, storage: tensor.reportLabel,
        parameters: tensor.parameters, storedBytes: tensor.storedBytes, bits: tensor.bits,
        sparsity: tensor.sparsityRatio, error: errors[tensor.name])
    }
    guard !errors.isEmpty else { return }
    let text = texts.first { $0.role == "calibration" }
    layersProtocol = protocols.number(
      of: ReportProtocol(
        .layers, id: "output error", text: text?.name ?? "calibration text",
        textDigest: text?.digest, tokenizer: bundle.tokenizerDigest,
        windows: ledger?["calibration"]?["windows"]?.int))
  }
}

extension TensorDescriptor {
  /// The storage in words.
  fileprivate var reportLabel: String {
    guard isPacked else { return layout.label + (sparsity == nil ? "" : ", sparse") }
    let groups = groupSize >= columns ? "one group per row" : "groups of \(groupSize)"
    return "\(bits) bits, \(groups)" + (sparsity == nil ? "" : ", sparse")
  }
}
