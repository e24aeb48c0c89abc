import BundleFormat
import Bytes

/// A model card in Markdown for a bundle: what was done to the base model, the measurements with their
/// protocols, how the file is used, and where it comes from.
package struct ModelCard {
  let description: BundleDescription

  package init(_ description: BundleDescription) { self.description = description }

  /// The whole card: the head between two lines of hyphens, then the page.
  package var text: String {
    let parts: [[String]] = [
      ["---"], YAMLText.lines(head), ["---", ""], introduction, storage, adapters, numbers, use,
      provenance, licence,
    ]
    return parts.flatMap(\.self).joined(separator: "\n") + "\n"
  }

  private var bundle: ModelBundle { description.bundle }

  private var introduction: [String] {
    let base = description.baseModel.map(MarkdownText.escaped) ?? "A language model"
    let whole = Double(bundle.fileBytes) / Double(max(1, 2 * bundle.parameters))
    let size = "\(Figure.count(bundle.parameters)) parameters in \(Figure.bytes(bundle.fileBytes))"
    let share = "\(Figure.fixed(whole, 2)) of its size in float16"
    let bits =
      "\(Figure.fixed(bundle.bitsPerWeight, 2)) bits per weight, scales and zero points included"
    let count = description.adapters.count
    let held = count == 0 ? "" : " The file also holds \(Self.count(count, "adapter", "adapters"))."
    return [
      "# \(MarkdownText.escaped(description.title))", "",
      "\(base), compressed with ctpack: \(size), \(share) (\(bits)).\(held)", "",
    ]
  }

  private static func count(_ count: Int, _ one: String, _ several: String) -> String {
    "\(Figure.count(count)) \(count == 1 ? one : several)"
  }

  /// The lines on how the weights were compressed.
  private var storage: [String] {
    var lines = ["## What was done", ""]
    for method in description.methods {
      let matrices = Self.count(method.matrices, "matrix", "matrices")
      lines.append("- \(matrices) compressed by \(MarkdownText.code(method.name))")
    }
    if let calibration = description.ledger?["calibration"],
      let windows = calibration["windows"]?.int, let length = calibration["length"]?.int
    {
      lines.append("- calibrated on \(Figure.count(windows)) windows of \(length) tokens")
    }
    if lines.count > 2 { lines.append("") }
    let rows = StorageGroup.all(of: bundle).map { group in
      [
        group.label, Figure.count(group.tensors), Figure.count(group.parameters),
        Figure.bytes(group.bytes), Figure.fixed(group.bitsPerWeight, 2),
      ]
    }
    return lines
      + MarkdownText.table(
        ["storage", "tensors", "parameters", "size", "bits per weight"], rows, right: [1, 2, 3, 4])
      + [""]
  }

  private var adapters: [String] {
    guard !description.adapters.isEmpty else { return [] }
    let rows = description.adapters.map { adapter in
      let origin =
        adapter.binding.weights == bundle.weightsDigest
        ? "these weights"
        : adapter.unvalidated
          ? "other weights, **never measured on these**" : "other weights, measured on these"
      return [
        MarkdownText.code(adapter.name), adapter.shape.kind.rawValue, adapter.shape.label,
        Figure.count(adapter.values.count), MarkdownText.escaped(adapter.objective), origin,
      ]
    }
    return ["## Prompts and adapters", ""]
      + MarkdownText.table(
        ["name", "kind", "shape", "parameters", "objective", "learned on"], rows, right: [3])
      + [""]
  }

  /// All measurements, each with its protocol.
  private var numbers: [String] {
    var lines = ["## Measurements", ""]
    guard !description.evidence.isEmpty else {
      return lines + ["None: this file records no measurement of its quality.", ""]
    }
    let rows = description.evidence.map { record in
      let model =
        description.isOfTheseWeights(record)
        ? MarkdownText.escaped(record.model) : "compressed, **other weights than these**"
      return [
        MarkdownText.escaped(record.text), model, MarkdownText.escaped(record.promptLabel),
        "\(Figure.fixed(record.ppl, 2)) ± \(Figure.fixed(record.pplStandardError, 2))",
        MarkdownText.escaped(record.protocol), Figure.count(record.windows),
        Figure.count(record.scoredTokens), MarkdownText.escaped(record.products),
      ]
    }
    lines += MarkdownText.table(
      [
        "text", "model", "prompt", "perplexity", "protocol", "windows", "scored tokens", "products",
      ],
      rows, right: [3, 5, 6])
    lines += [
      "",
      "Perplexity, lower is better, ± its standard error over tokens taken as independent. Two numbers are"
        + " comparable only if text, protocol, windows and scored tokens are the same. The protocol says how the"
        + " text is cut and what is scored: `ctp-N` and `gptq-N` cut windows of N tokens and score all but the first"
        + " token of each, `llamacpp-N` scores the last half of each. A prompt's positions are never scored.",
    ]
    if description.evidence.contains(where: { $0.model == "full" && $0.prompt != nil }) {
      lines.append(
        "`full` with a prompt is the control: its gain there is adaptation to the text, not repair."
      )
    }
    return lines + [""]
  }
}
