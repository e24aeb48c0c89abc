import Bytes

/// A quantity that every input may have, to be chosen as an axis or shown as a column.
package struct ReportAxis: Sendable {
  package enum Unit: String, Sendable {
    case bytes, bits, share, plain
  }

  package let key: String
  package let label: String
  package let unit: Unit
  /// Whether more is better; sizes and perplexities are better where they are lower.
  package let higherIsBetter: Bool
  /// The number of its protocol; nil for sizes, which need none.
  package let `protocol`: Int?
  /// For each input its value without a prompt, and with its best prompt.
  package let values: [(plain: Double?, prompted: Double?)]

  package init(
    key: String, label: String, unit: Unit, higherIsBetter: Bool = false, protocol: Int? = nil,
    values: [(plain: Double?, prompted: Double?)]
  ) {
    self.key = key
    self.label = label
    self.unit = unit
    self.higherIsBetter = higherIsBetter
    self.protocol = `protocol`
    self.values = values
  }

  /// The value in words.
  package func shown(_ value: Double) -> String {
    switch unit {
    case .bytes: Figure.bytes(Int(value))
    case .bits: Figure.fixed(value, 2)
    case .share: Figure.percent(value)
    case .plain: key.hasPrefix("kl") ? Figure.short(value) : ReportFigure.perplexity(value)
    }
  }
}

extension ReportData {
  /// All axes: sizes, then qualities, each quality under one protocol, so that only comparable
  /// numbers share an axis.
  package var axes: [ReportAxis] { sizeAxes + perplexityAxes + divergenceAxes + taskAxes }

  private var sizeAxes: [ReportAxis] {
    func axis(
      _ key: String, _ label: String, _ unit: ReportAxis.Unit, _ value: (ReportBundle) -> Double?
    ) -> ReportAxis {
      ReportAxis(
        key: key, label: label, unit: unit, higherIsBetter: key == "sparsity",
        values: bundles.map { (value($0), nil) })
    }
    let all = [
      axis("file_bytes", "file size", .bytes) { Double($0.fileBytes) },
      axis("bits", "bits per weight", .bits, \.bitsPerWeight),
      axis("layer_bits", "bits per weight of the compressed layers", .bits, \.layerBits),
      axis("sparsity", "sparsity of the compressed layers", .share, \.layerSparsity),
    ]
    return all.filter { axis in axis.values.contains { $0.plain != nil } }
  }

  /// The numbers of the protocols that `kind` is measured under, in order.
  private func numbers(_ kind: ReportProtocol.Kind) -> [Int] {
    protocols.all.indices.map { $0 + 1 }.filter { protocols[$0].kind == kind }
  }

  /// The perplexities of the compressed model by protocol, for each input.
  private var compressed: [[Int: [ReportScore]]] {
    bundles.map { bundle in
      let usable = bundle.scores.filter {
        $0.rule == nil && !$0.isOfOtherWeights
          && ($0.subject == .compressed || $0.subject == .compressedWithPrompt)
      }
      return Dictionary(grouping: usable, by: \.protocol)
    }
  }

  private var perplexityAxes: [ReportAxis] {
    let compressed = compressed
    return numbers(.perplexity).compactMap { number in
      let values = compressed.map { all -> (plain: Double?, prompted: Double?) in
        let scores = all[number] ?? []
        return (
          scores.last { $0.subject == .compressed }?.perplexity.value,
          scores.filter { $0.subject == .compressedWithPrompt }.map(\.perplexity.value).min()
        )
      }
      let entry = protocols[number]
      return axis(
        "ppl\(number)", "perplexity of \(entry.text) (\(entry.id))", .plain, number, values)
    }
  }

  private var divergenceAxes: [ReportAxis] {
    let compressed = compressed
    return numbers(.perplexity).flatMap { number -> [ReportAxis] in
      func values(_ value: (ReportDivergence) -> Double?, best: ([Double]) -> Double?)
        -> [(plain: Double?, prompted: Double?)]
      {
        compressed.map { all in
          let scores = all[number] ?? []
          return (
            scores.last { $0.subject == .compressed }?.divergence.flatMap(value),
            best(
              scores.filter { $0.subject == .compressedWithPrompt }.compactMap {
                $0.divergence.flatMap(value)
              })
          )
        }
      }
      let text = protocols[number].text
      return [
        axis(
          "kl\(number)", "mean KL divergence on \(text)", .plain, number,
          values(\.mean.value) { $0.min() }),
        axis(
          "top\(number)", "same top token on \(text)", .share, number,
          values(\.sameTop?.value) { $0.max() }, higherIsBetter: true),
      ].compactMap(\.self)
    }
  }

  private var taskAxes: [ReportAxis] {
    let tasks = bundles.map { Dictionary(grouping: $0.tasks, by: \.protocol) }
    return numbers(.task).compactMap { number in
      let values = tasks.map { all -> (plain: Double?, prompted: Double?) in
        let columns = (all[number] ?? []).flatMap(\.columns)
        return (
          columns.last { $0.subject == .compressed }?.accuracy?.value,
          columns.filter { $0.subject == .compressedWithPrompt }.compactMap(\.accuracy?.value).max()
        )
      }
      return axis(
        "acc\(number)", "accuracy in \(protocols[number].text)", .share, number, values,
        higherIsBetter: true)
    }
  }

  /// An axis; nil where no input has the quantity.
  private func axis(
    _ key: String, _ label: String, _ unit: ReportAxis.Unit, _ number: Int,
    _ values: [(plain: Double?, prompted: Double?)], higherIsBetter: Bool = false
  ) -> ReportAxis? {
    guard values.contains(where: { $0.plain != nil || $0.prompted != nil }) else { return nil }
    return ReportAxis(
      key: key, label: label, unit: unit, higherIsBetter: higherIsBetter, protocol: number,
      values: values)
  }
}
