import Bytes
import Numerics

extension CalibrationRecipe {
  init(_ fields: RecipeFields, _ paths: RecipePaths, seed: Int) {
    text = fields.existing("text", paths)
    windows = fields.integer("windows", default: 128, in: 1...1_000_000)
    length = fields.integer("length", default: 512, in: 2...1_048_576)
    selection = fields.choice("selection", default: .random)
    self.seed = fields.integer("seed", default: seed, in: 0...Int.max)
    fields.finish()
  }
}

extension EvaluationRecipe {
  init(_ fields: RecipeFields, _ paths: RecipePaths) {
    text = fields.existing("text", paths)
    name = fields.string("name") ?? PathNames.stem(text)
    protocolID = fields.string("protocol") ?? "ctp-1024"
    length = fields.optionalInteger("seqlen", in: 2...1_048_576)
    windows = fields.optionalInteger("windows", in: 1...1_000_000_000)
    arithmetic = fields.choice("arithmetic", default: .float32)
    fields.finish()
  }
}

extension PackagingRecipe {
  init(_ fields: RecipeFields) {
    storage = fields.choice("storage", default: .mapped)
    fields.finish()
  }
}

extension GateRecipe {
  init(_ fields: RecipeFields, evaluations: [String], hasPrompt: Bool) {
    all = Limits(fields, hasPrompt: hasPrompt)
    named = [:]
    for name in evaluations where fields.has(name) {
      let section = fields.section(name)
      named[name] = Limits(section, hasPrompt: hasPrompt)
      section.finish()
    }
    if evaluations.isEmpty, !fields.names.isEmpty {
      fields.note(fields.names[0], "there is no evaluation that could meet it")
    }
    for name in evaluations { _ = fields.node(name) }
    fields.finish()
  }
}

extension GateRecipe.Limits {
  fileprivate init(_ fields: RecipeFields, hasPrompt: Bool) {
    let large = Double.greatestFiniteMagnitude
    maxPerplexity = fields.optionalNumber("max_ppl", in: 1...large)
    maxRatioToFull = fields.optionalNumber("max_ratio_to_full", in: 0...large)
    minGapClosed = fields.optionalNumber("min_gap_closed", in: -large...large)
    if minGapClosed != nil, !hasPrompt {
      fields.note("min_gap_closed", "needs a prompt: it is the prompt that closes the gap")
    }
  }
}
