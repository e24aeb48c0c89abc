import BundleFormat
import Bytes
import RecipeFields

/// The settings of one matrix as fields of a recipe's `compression` and of its rules.
extension TensorSettings {
  /// Settings being read: the fields of a section override those of `base`.
  package struct Draft: Sendable {
    package var settings: TensorSettings
    /// The recipe's own settings while a rule is read; nil while they are read themselves.
    let base: TensorSettings?
    /// The drift correction's strength, if it is given.
    fileprivate var driftStrength: Double?

    /// A draft of finished settings, for checking and writing.
    package init(_ settings: TensorSettings) {
      self.settings = settings
      base = nil
    }

    /// - Parameter base: nil for the defaults.
    init(over base: TensorSettings?) {
      settings = base ?? TensorSettings()
      self.base = base
    }
  }

  /// The fields of a matrix's settings, in recipe order.
  package static let fields: [RecipeField<Draft>] = [
    .flag(
      "act_order", \.settings.actOrder,
      default: .derived("`true`, but `false` for pruning alone") { $0.usualActOrder },
      "solve columns by descending mean square of their input, so that important ones come first (GPTQ's act-order)"
    ),
    bitsField,
    .number(
      "damping", \.settings.damping, 0...1,
      "added to the diagonal of the inputs' second moments H, as a share of its mean"),
    groupField,
    .choice(
      "method", \.settings.method,
      "the method of quantization and pruning: GPTQ (arXiv 2210.17323), SparseGPT (arXiv 2301.00774), Wanda (arXiv 2306.11695), magnitude pruning, or rounding to nearest"
    ),
    .choice(
      "range", \.settings.grid.rangeSearch,
      default: .derived(
        "`clip-weighted` if the method gathers statistics; for `rtn` and `magnitude` `clip` at 2 bits, otherwise `min-max`"
      ) { $0.usualRange },
      "the range of each group's grid: the full range, or the best of 80 shrunken ones by Σ|error|^2.4 or by H-weighted squared error"
    ),
    .integer(
      "repair_steps", \.settings.repairSteps, 0...1000,
      default: .derived("20 with a sparsity, otherwise 0") { $0.usualRepairSteps },
      "conjugate-gradient steps that adjust the kept weights to compensate for the dropped ones"),
    sparsityField,
    .flag(
      "static_groups", \.settings.staticGroups,
      "fit grids to the original weights, before the first column is solved"),
    .flag(
      "symmetric", \.settings.grid.symmetric,
      "fix zero points at 2^(bits − 1) instead of storing one per group"),
    valuesField, driftField, driftStrengthField,
    .number(
      "first_order", \.settings.firstOrder, 0...1, record: .when { $0.settings.firstOrder > 0 },
      "share of a column's distance from its original value that is undone before it is rounded (FOEM, arXiv 2507.11017)"
    ),
  ]

  /// Canonical JSON of all settings that affect a matrix's codes; part of a stage's key.
  package var canonical: JSON { .object(Self.fields.json(of: Draft(self))) }
}

/// Defaults that depend on the method, the bits and the sparsity. A rule inherits a value only if
/// the settings that its default depends on are the same, and a range only if it isn't the default.
extension TensorSettings.Draft {
  fileprivate var usualActOrder: Bool {
    base.flatMap { $0.sparsity == settings.sparsity ? $0.actOrder : nil }
      ?? settings.usualActOrder
  }

  fileprivate var usualRange: RangeSearch {
    if let base, base.method == settings.method, base.grid.rangeSearch != base.usualRange {
      return base.grid.rangeSearch
    }
    return settings.usualRange
  }

  fileprivate var usualRepairSteps: Int {
    if let base, base.sparsity == settings.sparsity, base.method == settings.method {
      return base.repairSteps
    }
    return settings.usualRepairSteps
  }

  fileprivate var usualDrift: DriftCorrection? {
    if let base, base.method.feedsErrorsForward == settings.method.feedsErrorsForward {
      return base.drift
    }
    return settings.usualDrift
  }
}

/// Fields whose values have their own syntax.
extension TensorSettings {
  private static let bitsField = RecipeField<Draft>(
    "bits",
    descriptions: { _ in
      [
        FieldDescription(
          "bits", type: "whole number or `none`", range: "2, 3, 4, 8 or `none`", default: "4",
          "bits per code; `none` prunes without quantizing")
      ]
    },
    read: { source, draft in
      guard source.has("bits") else { return false }
      if source.text("bits") == "none" {
        draft.settings.values = draft.settings.values ?? .f16
        return true
      }
      draft.settings.values = nil
      guard let bits = source.integer("bits", in: 1...64) else { return false }
      draft.settings.grid.bits = bits
      return true
    },
    write: { draft, object in
      object["bits"] = draft.settings.quantizes ? JSON(draft.settings.grid.bits) : "none"
    })

  private static let widths = 1...1_048_576

  private static let groupField = RecipeField<Draft>(
    "group_size",
    descriptions: { _ in
      [
        FieldDescription(
          "group_size", type: "whole number or `row`", range: FieldText.words(widths) + " or `row`",
          default: "64",
          "neighbouring columns of a row that share a scale and a zero point; `row` for the whole row"
        )
      ]
    },
    read: { source, draft in
      guard source.has("group_size") else { return false }
      if source.text("group_size") == "row" {
        draft.settings.grid.group = .row
        return true
      }
      guard let width = source.integer("group_size", in: widths) else { return false }
      draft.settings.grid.group = .columns(width)
      return true
    },
    fault: { draft in
      guard draft.settings.quantizes, case .columns(let width) = draft.settings.grid.group,
        !widths.contains(width)
      else { return nil }
      return FieldFault(found: "\(width)", allowed: FieldText.range(widths))
    },
    write: { draft, object in
      object["group"] =
        switch draft.settings.grid.group {
        case .columns(let width): JSON(width)
        case .row: "row"
        }
    })

  private static let sparsityField = RecipeField<Draft>(
    "sparsity",
    descriptions: { _ in
      [
        FieldDescription(
          "sparsity", type: "share, pattern or `none`",
          range: "above 0 and below 1, 1 % to 99 %, n:m with 1 ≤ n < m ≤ 32, or `none`",
          default: "`none`",
          "the share of weights that become 0, or a pattern: 2:4 keeps 2 of every 4 neighbouring weights"
        )
      ]
    },
    read: { source, draft in
      guard let text = source.text("sparsity") else { return false }
      guard let found = Sparsity(text) else {
        source.note(
          "sparsity", "expected a share (0.5), a pattern (2:4) or none, found `\(text)`")
        return false
      }
      draft.settings.sparsity = found
      return true
    },
    write: { draft, object in object["sparsity"] = .string(draft.settings.sparsity.label) })

  private static let valuesField = RecipeField<Draft>(
    "values",
    descriptions: { _ in
      [
        FieldDescription(
          "values", type: "name", range: FieldText.list(DenseStorage.allCases.map(\.rawValue)),
          default: "`f16`", if: "with `bits: none`",
          "storage of weights that aren't quantized; `source` keeps the checkpoint's format")
      ]
    },
    read: { source, draft in
      guard source.has("values") else { return false }
      let found = source.choice("values", of: DenseStorage.allCases.map(\.rawValue))
      if draft.settings.quantizes {
        source.note(
          "values", "only weights that aren't quantized (`bits: none`) are stored as values")
      } else {
        draft.settings.values = found.flatMap { DenseStorage(rawValue: $0) } ?? .f16
      }
      return true
    },
    write: { draft, object in
      object["values"] = draft.settings.values.map { .string($0.rawValue) } ?? .null
    })

  private static let drifts = ["none"] + DriftCorrection.Method.allCases.map(\.rawValue)

  private static let driftField = RecipeField<Draft>(
    "drift",
    descriptions: { _ in
      [
        FieldDescription(
          "drift", type: "name", range: FieldText.list(drifts),
          default: "`block` for `gptq` and `sparsegpt`, otherwise `none`",
          "correction for the change in a layer's input from earlier compression: GPTAQ (arXiv 2504.02692), QEP (arXiv 2504.09629), or QEP plus the drift of the residual stream"
        )
      ]
    },
    read: { source, draft in
      guard let name = source.choice("drift", of: drifts) else { return false }
      draft.settings.drift = DriftCorrection.Method(rawValue: name).map { DriftCorrection($0) }
      return true
    },
    settle: { source, draft, isRead in
      let usual = draft.usualDrift
      guard let method = isRead ? draft.settings.drift?.method : usual?.method else {
        draft.settings.drift = nil
        if draft.driftStrength != nil {
          source.note("drift_strength", "there is no drift correction: add `drift: block`")
        }
        return
      }
      draft.settings.drift = DriftCorrection(
        method, strength: draft.driftStrength ?? (method == usual?.method ? usual?.strength : nil))
    },
    // Omitted without a correction, so that the JSON of recipes from before the field existed stays
    // valid.
    write: { draft, object in
      object["drift"] = draft.settings.drift.map { .string($0.method.rawValue) }
    })

  private static let strengths = 0.0...1.0

  private static let driftStrengthField = RecipeField<Draft>(
    "drift_strength",
    descriptions: { _ in
      [
        FieldDescription(
          "drift_strength", type: "number", range: FieldText.words(strengths),
          default: "0.25 for `gptaq`, 0.5 for `qep` and `block`", if: "with a `drift`",
          "the corrected share of the drift")
      ]
    },
    read: { source, draft in
      draft.driftStrength = source.number("drift_strength", in: strengths)
      return draft.driftStrength != nil
    },
    fault: { draft in
      guard let strength = draft.settings.drift?.strength, !strengths.contains(strength) else {
        return nil
      }
      return FieldFault(found: "\(strength)", allowed: FieldText.range(strengths))
    },
    write: { draft, object in
      object["drift_strength"] = draft.settings.drift.map { .number($0.strength) }
    })
}
