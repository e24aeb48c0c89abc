import BundleFormat
import Bytes

/// Bits per weight of the compressed layers, by what they are spent on, beside their entropy.
struct InspectionFootprint {
  let footprint: Footprint
  let storage: TensorStorage
  /// nil where nobody asked for it.
  let entropy: CodeEntropy?

  /// Reads every code where the entropy is asked for.
  init(_ bundle: ModelBundle, entropy: Bool) throws(Failure) {
    footprint = bundle.footprint
    storage = bundle.storage
    self.entropy = entropy ? try bundle.codeEntropy() : nil
  }

  /// The parts that there are.
  private var parts: [Footprint.Part] {
    Footprint.Part.allCases.filter { footprint.bytes($0, .mapped) > 0 }
  }

  /// A heading and a table; empty where no layer is compressed.
  var lines: [String] {
    guard footprint.parameters > 0 else { return [] }
    func row(_ label: String, _ form: Footprint.Form) -> [String] {
      [label] + parts.map { Figure.fixed(footprint.bitsPerWeight($0, form), 3) }
        + [Figure.fixed(footprint.bitsPerWeight(form), 3)]
    }
    var rows = [[""] + parts.map(\.rawValue) + ["total"]]
    rows.append(row("stored (\(storage.rawValue))", .stored))
    if storage == .coded { rows.append(row("directly mapped", .mapped)) }
    if let entropy {
      rows.append(
        ["entropy"] + parts.map { entropy.bits($0).map { Figure.fixed($0, 3) } ?? "-" } + ["-"])
    }
    var lines = [
      "  compressed layers, bits per weight of their \(Figure.count(footprint.parameters)):",
      Output.table(rows, indent: "    ", right: Set(1...parts.count + 1)),
    ]
    if entropy != nil {
      lines.append(
        "    Entropy counts values tensor by tensor; coded storage also knows each group's zero "
          + "point, and can end below it.")
    }
    return lines
  }

  var json: JSON {
    func object(_ form: Footprint.Form) -> JSON {
      var object = JSONObject()
      for part in Footprint.Part.allCases {
        object[part.rawValue] = .number(footprint.bitsPerWeight(part, form))
      }
      object["total"] = .number(footprint.bitsPerWeight(form))
      return .object(object)
    }
    var found = JSON.null
    if let entropy {
      var object = JSONObject()
      for part in Footprint.Part.allCases {
        object[part.rawValue] = entropy.bits(part).map { .number($0) }
      }
      found = .object(object)
    }
    return [
      "parameters": JSON(footprint.parameters), "storage": .string(storage.rawValue),
      "bits_per_weight": object(.stored), "mapped_bits_per_weight": object(.mapped),
      "entropy": found,
    ]
  }
}

extension CodeEntropy {
  /// nil for scales: they are too few for how often each occurs to mean anything.
  fileprivate func bits(_ part: Footprint.Part) -> Double? {
    switch part {
    case .codes: codes
    case .scales: nil
    case .zeros: zeros
    case .mask: mask
    case .index: index
    }
  }
}
