import ArgumentParser
import Builds
import BundleFormat
import Bytes
import Evaluation
import Models
import Numerics
import Pipeline
import Text

/// The command `ctpack similarity`.
struct SimilarityCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "similarity",
    abstract: "Show block by block how far compression moved a model, and what prompts bring back.",
    discussion: """
      Both models read the same windows of a text, block by block; the bundle's without a prompt and with \
      each of its prompts and adapters, the full model without one. Two cosine similarities are shown per \
      block, means over the windows:

      attention    of attention rows, over all heads and all tokens but a window's first. A row has the \
      probabilities of the text's keys up to its token; a prompt's or prefix's keys are left out, and the \
      rest is renormalised to sum 1
      activations  of the block's output (the residual stream after it), over all tokens of the text; a \
      prompt's positions are left out

      prompt share is the mean share of attention that the positions left out have. The rows are computed in \
      float64 by definition, not by the kernels that run models. --store adds the comparison to the bundle's \
      evidence, with the perplexity of the same windows, if the full model is the one that the bundle was made from.
      """)

  @Argument(help: "The bundle.") var bundle: String
  @Option(help: "The full model: a Hugging Face folder, a GGUF file or a bundle.")
  var against: String
  @Option(help: "A text, as for `ctpack eval`.") var text: String
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "A prompt or adapter to compare; repeat for several (default: all of the bundle's), or `none`.",
      valueName: "name"))
  var prompt: [String] = []
  @Option(help: "Tokens per window (default: the protocol's).") var seqlen: Int?
  @Option(help: "Number of windows to compare, from the start of the text.") var windows = 4
  @Option(name: .customLong("protocol"), help: "The protocol by which the text is cut.")
  var protocolID = "ctp-256"
  @Option(
    help: "Precision of matrix products: float32, or bfloat16 (if the processor supports it).")
  var arithmetic = Arithmetic.float32
  @Flag(help: "Store the comparison in the bundle's evidence, in place.") var store = false
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if windows < 1 { throw ValidationError("--windows takes 1 or more") }
    if prompt.contains("none"), prompt.count > 1 {
      throw ValidationError("--prompt none goes with no other --prompt")
    }
  }

  func run() throws {
    threads.apply()
    let rule = try PerplexityProtocol(id: protocolID, length: seqlen)
    let opened = try ModelBundle(path: bundle)
    // Measurements are stored under the digest of the weights, so the weights must match it.
    if store { try opened.requireSound() }
    let measured = try opened.measuredModel
    let adapters = try adapters(of: opened)
    let full = try ModelFile(path: against)
    verbosity.show(full.notes)
    if store { try SimilarityMeasurement.checkBase(full, of: opened) }
    let corpus = try Corpus.load(path: text)
    let measurement = try SimilarityMeasurement(
      of: opened, adapters: adapters, against: full, text: (PathNames.last(text), corpus),
      rule: rule, limit: windows, arithmetic: arithmetic, progress: verbosity.progress)
    let generation = store ? try measurement.store(on: measured) : nil
    let page = SimilarityPage(measurement: measurement, against: against, generation: generation)
    if json { try Output.print(page.json) } else { try Output.print(page.lines) }
  }

  private func adapters(of bundle: ModelBundle) throws -> [StoredAdapter] {
    if prompt == ["none"] { return [] }
    guard !prompt.isEmpty else { return try bundle.adapters }
    guard Set(prompt).count == prompt.count else {
      throw Failure(.usage, at: "--prompt", "a prompt was given twice")
    }
    return try prompt.map { try PromptOptions.named($0, in: bundle) }
  }
}
