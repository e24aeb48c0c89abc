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
}
