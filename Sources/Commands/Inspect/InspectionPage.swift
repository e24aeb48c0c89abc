import BundleFormat
import Bytes
import Checkpoints
import Pipeline

/// The text page of `ctpack inspect`: the artifact's contents, quality, provenance and integrity.
struct InspectionPage {
  private let bundle: ModelBundle
  private let footprint: InspectionFootprint
  private let verified: String
  private let problems: [Problem]
  private(set) var lines: [String] = []

  init(
    bundle: ModelBundle, _ footprint: InspectionFootprint, _ verified: String, _ problems: [Problem]
  ) throws {
    self.bundle = bundle
    self.footprint = footprint
    self.verified = verified
    self.problems = problems
    try identity()
    weights()
    try prompts()
    try evidence()
    try againstFull()
    try tasksAndChoices()
    try similarity()
    try ledger()
    try events()
    try provenance()
    signatures()
    verification()
  }

  /// Begins a section: an empty line, then its title.
  private mutating func head(_ title: String) {
    if !lines.isEmpty { lines.append("") }
    lines.append(title)
  }

  private mutating func identity() throws {
    let name = try? bundle.provenance?.baseModelName
    head("\(bundle.path): \(name ?? "a language model"), container version \(bundle.formatVersion)")
    if let configuration = try? ModelConfiguration(canonical: bundle.configuration) {
      lines.append(
        "  \(configuration.family.name) family, \(configuration.layers) blocks, "
          + "width \(configuration.hiddenSize), "
          + "vocabulary \(Figure.count(configuration.vocabularySize))"
      )
    }
    lines.append(
      "  \(Figure.count(bundle.parameters)) parameters in \(Figure.bytes(bundle.fileBytes)), "
        + "\(Figure.fixed(bundle.bitsPerWeight, 2)) bits per weight")
    lines.append("  digest \(bundle.canonicalDigest.hex)")
    if bundle.generation > 1 {
      let free = bundle.freeExtents.reduce(0) { $0 + $1.size }
      lines.append(
        "  edited in place: generation \(bundle.generation), \(Figure.bytes(free)) unused"
          + " (`ctpack compact` reclaims them)")
    }
  }

  /// The weights, one line for all tensors of the same storage.
  private mutating func weights() {
    head("Weights")
    var rows = [["storage", "tensors", "parameters", "size", "bits per weight"]]
    rows += StorageGroup.all(of: bundle).map { group in
      [
        group.label, Figure.count(group.tensors), Figure.count(group.parameters),
        Figure.bytes(group.bytes), Figure.fixed(group.bitsPerWeight, 2),
      ]
    }
    lines += Output.table(rows, right: [1, 2, 3, 4])
    lines += footprint.lines
    lines.append("  " + WholeFile(bundle).line)
  }

  private mutating func prompts() throws {
    let prompts = try bundle.adapters
    guard !prompts.isEmpty else { return }
    head("Prompts and adapters")
    let weights = bundle.weightsDigest
    let rows = try prompts.map { prompt in
      let source = prompt.trainingData.first { $0.role == "training" }.map { " from \($0.name)" }
      let trust =
        prompt.binding.weights == weights
        ? "learned on these weights" + (source ?? "")
        : prompt.unvalidated
          ? "NEVER MEASURED on these weights"
          : "learned on other weights" + (source ?? "") + ", measured on these"
      return [
        prompt.name, prompt.shape.kind.rawValue, prompt.shape.label,
        "\(Figure.count(prompt.values.count)) parameters", Figure.bytes(4 * prompt.values.count),
        prompt.objective, trust,
        try bundle.keyValues(of: prompt.name).map {
          "keys and values \(Figure.bytes($0.values.count))"
        }
          ?? "",
        try bundle.routingKey(of: prompt.name).map {
          "routing key, explains \(Figure.percent($0.explained))"
        } ?? "",
      ]
    }
    lines += Output.table(rows, right: [3, 4])
  }

  private mutating func evidence() throws {
    let evidence = try bundle.evidence.filter { $0.task == nil }
    head("Evidence (perplexity, lower is better)")
    guard !evidence.isEmpty else {
      lines.append("  none: this artifact has not been measured")
      return
    }
    var rows = [
      [
        "text", "full", "full+prompt", "compressed", "with prompt", "gap closed", "± σ", "protocol",
        "scored",
      ]
    ]
    for group in EvidenceGroup.all(in: evidence) {
      let numbers = FourNumbers(group.records, text: group.text)
      let shipped = group.records.last { $0.model == "compressed" } ?? group.records[0]
      func cell(_ value: Double?) -> String { value.map { Figure.fixed($0, 2) } ?? "-" }
      rows.append([
        group.label, cell(numbers.full), cell(numbers.fullWithPrompt), cell(numbers.compressed),
        cell(numbers.compressedWithPrompt), numbers.gapClosed.map(Figure.percent) ?? "-",
        Figure.fixed(shipped.pplStandardError, 2), shipped.protocol,
        "\(Figure.count(shipped.scoredTokens)) tokens",
      ])
    }
    lines += Output.table(rows, right: [1, 2, 3, 4, 5, 6, 8])
    try trust(evidence)
  }

  private mutating func trust(_ evidence: [EvidenceRecord]) throws {
    lines.append(
      "  gap closed: (compressed − with prompt) / (compressed − full); "
        + "± σ: standard error of the row's last perplexity.")
    lines.append(
      "  All numbers in a row score the same tokens by the same protocol; "
        + "prompt positions are never scored.")
    let weights = bundle.weightsDigest
    let others = evidence.filter { $0.model == "compressed" && $0.modelDigest != weights }
    if !others.isEmpty {
      lines.append(
        "  \(others.count) of the compressed numbers were measured on OTHER weights than these.")
    }
    if evidence.contains(where: { $0.model == "full" && $0.prompt != nil }) {
      lines.append(
        "  full+prompt is the same prompt on the uncompressed model: "
          + "its gain there is adaptation to the text, not repair."
      )
    }
  }

  private mutating func againstFull() throws {
    let section = AgainstFullSection(try bundle.evidence)
    guard !section.isEmpty else { return }
    head("Against the full model, paired window by window")
    lines += section.lines
  }

  private mutating func tasksAndChoices() throws {
    let evidence = try bundle.evidence
    let tasks = TasksSection(evidence)
    if !tasks.isEmpty {
      head("Tasks (rows answered rightly)")
      lines += tasks.lines
    }
    let section = ChoicesSection(evidence)
    guard !section.isEmpty else { return }
    head("Choosing among prompts, window by window (perplexity, lower is better)")
    lines += section.lines
  }

  private mutating func similarity() throws {
    let section = try SimilaritySection(bundle.evidence, weights: bundle.weightsDigest)
    guard !section.isEmpty else { return }
    head("Similarity to the full model, block by block (1: the same)")
    lines += section.lines
  }

  private mutating func ledger() throws {
    guard let ledger = try bundle.ledger, let layers = ledger["layers"]?.array, !layers.isEmpty
    else {
      return
    }
    head("Compressed layers")
    let methods = Dictionary(grouping: layers) { $0["method"]?.string ?? "unknown" }
    for (method, list) in methods.sorted(by: { $0.key < $1.key }) {
      var facts = ["\(list.count) by \(method)"]
      let moved = list.count { $0["repairSteps"] != nil }
      if moved > 0 {
        facts.append("kept weights moved" + (moved < list.count ? " in \(moved)" : ""))
      }
      let rated = list.compactMap { layer in
        layer["relativeOutputError"]?.double.map { ($0, layer["tensor"]?.string ?? "") }
      }
      if let worst = rated.max(by: { $0.0 < $1.0 }) {
        let middle = rated.map(\.0).sorted()[rated.count / 2]
        facts.append(
          "output error \(Figure.percent(middle)) (median), \(Figure.percent(worst.0)) at most (\(worst.1))"
        )
      }
      if let clipped = list.compactMap({ $0["clippedShare"]?.double }).max(), clipped > 0 {
        facts.append("at most \(Figure.percent(clipped)) of a layer's weights clipped")
      }
      lines.append("  " + facts.joined(separator: ", "))
    }
    if let calibration = ledger["calibration"], let windows = calibration["windows"]?.int,
      let length = calibration["length"]?.int, let distinct = calibration["distinct_tokens"]?.int,
      let vocabulary = calibration["vocabulary"]?.int
    {
      lines.append(
        "  calibrated on \(windows) windows of \(length) tokens, with \(Figure.count(distinct)) of the "
          + "vocabulary's \(Figure.count(vocabulary)) tokens among them")
    }
  }

  private mutating func events() throws {
    let events = try bundle.events
    guard !events.isEmpty else { return }
    head("Numerical events")
    let kinds = Dictionary(grouping: events, by: \.kind).sorted { $0.key < $1.key }
    for (kind, list) in kinds {
      let first = list[0].tensor.map { ", first in \($0)" } ?? ""
      lines.append("  \(kind): \(list.count) ×\(first)")
    }
  }

  private mutating func provenance() throws {
    head("Made from")
    guard let provenance = try bundle.provenance else {
      lines.append("  unknown: the bundle has no provenance")
      return
    }
    var rows = [["base model", provenance.baseModelName ?? "", provenance.baseModel.hex]]
    for source in provenance.data { rows.append([source.role, source.name, source.sha256.hex]) }
    if let start = provenance.initialPrompt {
      rows.append(["initial prompt", start.name, start.content.hex])
    }
    lines += Output.table(rows)
    lines.append(
      "  by ctpack \(provenance.programVersion) with \(provenance.kernelClass), stages "
        + provenance.stages.map { "\($0.name) \($0.key.hex.prefix(8))" }.joined(separator: ", "))
  }

  /// The signatures of each tree; nothing for a bundle without any.
  private mutating func signatures() {
    guard bundle.isSigned else { return }
    head("Signatures (`ctpack verify --key` checks them)")
    lines += Output.table(bundle.verifySignatures().map(\.row))
  }

  private mutating func verification() {
    head("Verification: " + Self.sentence(verified))
    for problem in problems {
      lines.append("  \(problem.severity == .error ? "ERROR" : "note"): \(problem)")
    }
  }

  private static func sentence(_ verified: String) -> String {
    switch verified {
    case "none": "structure only; no section was read (use --verify fast or full)"
    case "fast": "the structure is valid, and every byte matches its XXH3-128"
    case "full":
      "every byte matches its XXH3-128 and SHA-256, every section is valid, and the model can be used"
    default: "FAILED"
    }
  }
}
