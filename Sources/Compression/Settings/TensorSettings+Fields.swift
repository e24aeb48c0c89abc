import BundleFormat
import Bytes
import RecipeFields

/// The settings of one matrix as fields of a recipe's `compression` and of its rules.
extension TensorSettings {
  /// Settings that fields are read into, laid over those that a rule leaves as they are.
  package struct Draft: Sendable {
    package var settings: TensorSettings
    /// The recipe's own settings, where a rule is read; nil where those are.
    let base: TensorSettings?
    /// The drift correction's strength, where it is given.
    fileprivate var driftStrength: Double?

    /// Finished settings, to be checked or written.
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

  package static let fields: [RecipeField<Draft>] = [
    .flag(
      "act_order", \.settings.actOrder,
      default: .derived("`true`, but `false` for pruning alone") { $0.usualActOrder },
      "columns are solved by descending mean square of their input, the important ones first (GPTQ's act-order)"
    ),
    bitsField,
    .number(
      "damping", \.settings.damping, 0...1,
      "added to the diagonal of the inputs' second moments H, as a share of its mean"),
    groupField,
    .choice(
      "method", \.settings.method,
      "what decides which weights are dropped and what the others become: GPTQ (arXiv 2210.17323), SparseGPT (arXiv 2301.00774), Wanda (arXiv 2306.11695), magnitude pruning, or rounding to nearest"
    ),
    .choice(
      "range", \.settings.grid.rangeSearch,
      default: .derived(
        "`clip-weighted` where the method gathers statistics; for `rtn` and `magnitude` `clip` at 2 bits, otherwise `min-max`"
      ) { $0.usualRange },
      "how each group's range is chosen: whole, the best of 80 shrunken ones by Σ|error|^2.4, or by H-weighted squared error"
    ),
    .integer(
      "repair_steps", \.settings.repairSteps, 0...1000,
      default: .derived("20 with a sparsity, otherwise 0") { $0.usualRepairSteps },
      "steps of conjugate gradients that move the kept weights to make up for the dropped ones"),
    sparsityField,
    .flag(
      "static_groups", \.settings.staticGroups,
      "grids are fitted to the original weights, before the first column is solved"),
    .flag(
      "symmetric", \.settings.grid.symmetric,
      "zero points are fixed at 2^(bits − 1), instead of stored per group"),
    valuesField, driftField, driftStrengthField,
    .number(
      "first_order", \.settings.firstOrder, 0...1, record: .when { $0.settings.firstOrder > 0 },
      "share of a column's distance from its original value that is taken back when its turn comes (FOEM, arXiv 2507.11017)"
    ),
  ]

  /// Everything that decides a matrix' codes, in one fixed form: part of a stage's key.
  package var canonical: JSON { .object(Self.fields.json(of: Draft(self))) }
}

/// Defaults that follow from the method, the bits and the sparsity. What a rule inherits counts only
/// where it is for the same method or sparsity, and was chosen rather than usual.
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

/// Fields with values of their own form.
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
          "the share of weights that become 0, or how many of every m neighbours stay: 2:4")
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
          "how weights are stored that aren't quantized; `source` keeps the checkpoint's")
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
          "how a layer makes up for what compression before it did to its input: GPTAQ (arXiv 2504.02692), QEP (arXiv 2504.09629), or QEP and the drift of the residual stream"
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
    // Left out where it does nothing, as before it was there.
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
          "the share of the drift that is made up for")
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
