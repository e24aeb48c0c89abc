import ArgumentParser
import BundleFormat
import Bytes
import Pipeline

/// The command `ctpack provenance`.
struct ProvenanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "provenance",
    abstract: "Write a bundle's model card, bill of materials or provenance statement.",
    discussion: """
      card       a model card in Markdown, with the YAML head that model hubs read: what was done, the \
      measurements with their protocols, how to use the file, where it comes from
      cyclonedx  a bill of materials (ML-BOM), CycloneDX 1.6 in JSON: the model with its model card, its \
      base model, its adapters and the texts that were used, each with its digest
      slsa       an in-toto Statement v1 with SLSA provenance v1, in JSON and unsigned: the recipe, the inputs \
      with their digests, and the program that built the bundle

      All three say what the bundle records and nothing else, so the same file and options give the same \
      text; there is no time in it. What a bundle doesn't record can be stated with --license, --base-model and \
      --builder. Every byte of the bundle is checked first. Formats/provenance.md says what stands where.
      """)

  /// The forms of the document.
  enum Form: String, ExpressibleByArgument, CaseIterable {
    case card, cyclonedx, slsa
  }

  @Argument(help: "The bundle.") var bundle: String
  @Option(name: .customLong("as"), help: "The form: card, cyclonedx or slsa.") var form: Form
  @Option(
    help: ArgumentHelp(
      "The file to write, in place of one that is there (default: standard output).",
      valueName: "file"))
  var out: String?
  @Option(
    help: ArgumentHelp(
      "The licence, as an SPDX expression such as Apache-2.0 (card, cyclonedx).",
      valueName: "expression"))
  var license: String?
  @Option(
    help: ArgumentHelp(
      "The base model's name on a hub (card, cyclonedx; default: the bundle's own name for it).",
      valueName: "owner/name"))
  var baseModel: String?
  @Option(
    help: ArgumentHelp(
      "URI of the platform that built the bundle (slsa; default: the program's package URL).",
      valueName: "uri"))
  var builder: String?
  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    if form == .slsa, license != nil || baseModel != nil {
      throw ValidationError("--license and --base-model go with --as card and --as cyclonedx")
    }
    if form != .slsa, builder != nil { throw ValidationError("--builder goes with --as slsa") }
  }

  func run() throws {
    threads.limit()
    var statements = BundleDescription.Statements()
    (statements.licence, statements.baseModel) = (license, baseModel)
    statements.builder = builder
    let description = try BundleDescription(path: bundle, statements: statements)
    let text: String
    switch form {
    case .card: text = ModelCard(description).text
    case .cyclonedx: text = CycloneDXBill(description).json.shownText + "\n"
    case .slsa: text = try SLSAStatement(description).json.shownText + "\n"
    }
    guard let out else { return try Output.write(text) }
    try checkReplaceable(out)
    try AtomicFile.write(Array(text.utf8), to: FileDestination(out))
    try Output.print("\(out): \(form.rawValue) of \(bundle)")
  }

  /// - Throws: `usage` if the file at `path` is a bundle, which a text must not replace.
  private func checkReplaceable(_ path: String) throws(Failure) {
    guard let file = try? MappedFile(path: path), FileContent(of: file.bytes) == .bundle else {
      return
    }
    throw Failure(
      .usage, file: path, at: "--out", "is a bundle, which the text would replace",
      advice: "name another file")
  }
}
