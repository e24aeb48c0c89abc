import BundleFormat
import Bytes

/// Bits per weight of the compressed layers, split into codes, scales, zero points and masks, with the
/// codes' entropy.
struct InspectionFootprint {
  let footprint: Footprint
  let storage: TensorStorage
  /// The codes' entropy; nil unless requested.
  let entropy: CodeEntropy?

  /// - Parameter entropy: whether to measure the codes' entropy, which reads all codes.
  init(_ bundle: ModelBundle, entropy: Bool) throws(Failure) {
    footprint = try bundle.footprint()
    storage = bundle.storage
    self.entropy = entropy ? try bundle.codeEntropy() : nil
  }

  /// The parts that take space in this bundle.
  private var parts: [Footprint.Part] {
    Footprint.Part.allCases.filter { footprint.bytes($0, .mapped) > 0 }
  }

  /// A heading and a table; empty if no layer is compressed.
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
      "  bits per weight of the compressed layers (\(Figure.count(footprint.parameters)) weights):"
    ]
    lines += Output.table(rows, indent: "    ", right: Set(1...parts.count + 1))
    if entropy != nil {
      lines.append(
        "    The entropy is that of each tensor's own values; coded storage also uses each group's "
          + "zero point, so it can be smaller.")
    }
    return lines
  }

  /// Bits per weight as stored, mapped and by entropy; null without the entropy.
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
  /// Entropy in bits per weight; nil for scales, which are too few for their frequencies to be
  /// meaningful.
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
