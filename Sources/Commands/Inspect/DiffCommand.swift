import ArgumentParser
import BundleFormat
import Bytes
import Pipeline

/// The command `ctpack diff`.
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare two bundles by content: what differs, and by how much.",
    discussion: """
      Compares recipe, data, configuration, tensors, codes, prompts and evidence. The form of storage \
      is ignored: a bundle and its compacted or recoded copy have the same content. Perplexities are \
      compared only where protocol, text, tokenizer, windows and arithmetic are the same.

      Exit status 0: the same content; 1: something differs. A tensor's deviation is \
      ‖second − first‖ / ‖first‖, in Frobenius norms.
      """)

  @Argument(help: "The first bundle.") var first: String
  @Argument(help: "The second bundle.") var second: String
  @Flag(help: "Print the result as JSON.") var json = false
  @Flag(help: "Only list which tensors differ, without comparing their weights.") var names = false
  @OptionGroup var threads: ThreadOptions

  func run() throws {
    threads.limit()
    let (a, b) = (try ModelBundle(path: first), try ModelBundle(path: second))
    let difference = try BundleDifference(a, b, readsValues: !names)
    let hasOtherEvidence = difference.documents.contains {
      $0.type == .evidence && $0.presence == .inBoth
    }
    // Records that can't be read are compared as values alone.
    let records = hasOtherEvidence ? ((try? a.evidence) ?? [], (try? b.evidence) ?? []) : ([], [])
    let pairs = EvidencePair.all(records.0, records.1)
    if json {
      try Output.print(difference.json(a, b, pairs))
    } else {
      try Output.print(DifferencePage(difference, a, b, pairs).lines)
    }
    if !difference.isEmpty { throw ExitCode(1) }
  }
}

/// The page of `ctpack diff`.
private struct DifferencePage {
  private(set) var lines: [String] = []
  /// Maximum number of changes shown per document; `--json` has all.
  private static let shown = 12

  init(
    _ difference: BundleDifference, _ a: ModelBundle, _ b: ModelBundle, _ pairs: [EvidencePair]
  ) {
    let sizes = [a, b].map { Figure.bytes($0.fileBytes) }
    if difference.isEmpty {
      lines = ["\(a.path) (\(sizes[0])) and \(b.path) (\(sizes[1])) have the same content"]
      return
    }
    lines = [
      "first   \(a.path), \(sizes[0]), digest \(a.canonicalDigest.hex)",
      "second  \(b.path), \(sizes[1]), digest \(b.canonicalDigest.hex)",
    ]
    for document in difference.documents {
      add(
        ModelBundle.documentName(document.type), document.presence, document.changes, values: nil)
      if document.type == .evidence { lines += pairs.prefix(Self.shown).map { "  " + $0.line } }
    }
    tensors(difference)
    for other in difference.others {
      add(other.label, other.presence, other.changes, values: other.values)
    }
  }

  private mutating func add(
    _ label: String, _ presence: BundleDifference.Presence, _ changes: [ValueChange],
    values: TensorDeviation?
  ) {
    lines += ["", "\(label): \(presence.rawValue)"]
    if let values { lines.append("  values: " + values.sentence) }
    for change in changes.prefix(Self.shown) {
      if change.path == "line" {
        lines.append("  " + (change.first != nil ? "- " : "+ ") + change.line)
      } else {
        lines.append(
          "  \(change.path): \(change.shown(change.first)) → \(change.shown(change.second))")
      }
    }
    if changes.count > Self.shown {
      lines.append("  … and \(changes.count - Self.shown) more (--json lists all)")
    }
  }

  private mutating func tensors(_ difference: BundleDifference) {
    guard !difference.tensors.isEmpty else { return }
    lines += [
      "", "Tensors: \(difference.tensors.count) differ, \(difference.sameTensors) are the same",
    ]
    var rows = [["tensor", "first", "second", "weights", "codes", "deviation", "largest"]]
    for tensor in difference.tensors {
      let values = tensor.values
      rows.append([
        tensor.name, tensor.first?.storageLabel ?? "absent",
        tensor.second?.storageLabel ?? "absent",
        values.map { Figure.percent(Double($0.differing) / Double(max(1, $0.count))) } ?? "-",
        values.flatMap { v in
          v.differingCodes.map { Figure.percent(Double($0) / Double(max(1, v.count))) }
        } ?? "-",
        values?.relativeError.map(Figure.percent) ?? "-",
        values.map { "\(Float($0.maximum))" } ?? "-",
      ])
    }
    lines += Output.table(rows, right: [3, 4, 5, 6])
    lines.append(
      "  weights and codes: the share that differs; deviation: ‖second − first‖ / ‖first‖")
  }
}

extension ValueChange {
  fileprivate var line: String { (first ?? second)?.string ?? "" }

  fileprivate func shown(_ value: JSON?) -> String {
    guard let value else { return "absent" }
    let text = value.canonicalText
    return text.count > 60 ? text.prefix(57) + "…" : text
  }

  fileprivate var json: JSON {
    ["path": .string(path), "first": first ?? .null, "second": second ?? .null]
  }
}

extension TensorDescriptor {
  fileprivate var storageLabel: String {
    var label = isPacked ? "\(bits) bits / \(groupSize)" : layout.label
    if sparsity != nil { label += ", \(Figure.percent(sparsityRatio)) sparse" }
    return label
  }
}

extension TensorDeviation {
  fileprivate var sentence: String {
    let deviation = relativeError.map { ", deviation \(Figure.percent($0))" } ?? ""
    return "\(Figure.count(differing)) of \(Figure.count(count)) differ\(deviation)"
  }

  fileprivate var json: JSON {
    [
      "count": JSON(count), "differing": JSON(differing),
      "differing_codes": differingCodes.map { JSON($0) } ?? .null,
      "relative_error": relativeError.map { .number($0) } ?? .null, "maximum": .number(maximum),
    ]
  }
}

extension BundleDifference {
  fileprivate func json(_ a: ModelBundle, _ b: ModelBundle, _ pairs: [EvidencePair]) -> JSON {
    func side(_ bundle: ModelBundle) -> JSON {
      [
        "path": .string(bundle.path), "file_bytes": JSON(bundle.fileBytes),
        "digest": .string(bundle.canonicalDigest.hex),
        "weights_digest": .string(bundle.weightsDigest.hex),
      ]
    }
    return [
      "first": side(a), "second": side(b), "same": .bool(isEmpty),
      "documents": .array(
        documents.map {
          [
            "name": .string(ModelBundle.documentName($0.type)),
            "presence": .string($0.presence.rawValue), "changes": .array($0.changes.map(\.json)),
          ]
        }),
      "measurements": .array(pairs.map(\.json)), "same_tensors": JSON(sameTensors),
      "tensors": .array(
        tensors.map {
          [
            "name": .string($0.name), "first": $0.first.map(\.inspection) ?? .null,
            "second": $0.second.map(\.inspection) ?? .null, "values": $0.values?.json ?? .null,
          ]
        }),
      "sections": .array(
        others.map {
          [
            "section": .string($0.label), "presence": .string($0.presence.rawValue),
            "changes": .array($0.changes.map(\.json)), "values": $0.values?.json ?? .null,
          ]
        }),
    ]
  }
}
