import Compression
import Pipeline
import TestSupport
import Testing

/// The settings that a recipe's section `compression` gives.
@Suite struct CompressionRecipeTests {
  private let least = """
    model: model
    calibration: {text: train.txt}

    """

  private func read(_ yaml: String) throws -> Recipe {
    let folder = try TemporaryFolder()
    try folder.write("train.txt", "text")
    try folder.write("model/config.json", "{}")
    return try Recipe(yaml: yaml, path: folder.file("small.yaml"), environment: [:])
  }

  @Test func correctionsAreReadAndRulesMayDiffer() throws {
    let settings = try read(
      least
        + """
        compression:
          drift: gptaq
          first_order: 0.1
          rules:
            - {match: "*.down_proj", drift: qep}
            - {match: "*.o_proj", drift: none, first_order: 0}
            - {match: "*.q_proj", drift_strength: 1}
        """
    ).compression.settings
    #expect(settings.linear.drift == DriftCorrection(.gptaq, strength: 0.25))
    #expect(settings.linear.firstOrder == 0.1)
    #expect(settings.rules[0].settings.drift == DriftCorrection(.qep, strength: 0.5))
    #expect(settings.rules[0].settings.firstOrder == 0.1)
    #expect(settings.rules[1].settings.drift == nil)
    #expect(settings.rules[1].settings.firstOrder == 0)
    #expect(settings.rules[2].settings.drift == DriftCorrection(.gptaq, strength: 1))
    let (none, block) = (
      try read(least + "compression: {drift: none}"),
      try read(least + "compression: {drift: block}")
    )
    #expect(none.compression.settings.canonical != block.compression.settings.canonical)
    #expect(try read(least).compression.settings == block.compression.settings)
    // Baselines have no drift correction unless the recipe sets it.
    let mixed = try read(
      least
        + """
        compression:
          rules:
            - {match: "*.down_proj", method: rtn}
            - {match: "*.o_proj", method: rtn, drift: qep}
            - {match: "*.q_proj", bits: 3}
        """
    ).compression.settings
    #expect(
      mixed.rules.map(\.settings.drift) == [nil, DriftCorrection(.qep), DriftCorrection(.block)])
    let rounded = try read(
      least + "compression: {method: rtn, rules: [{match: '*', method: gptq}]}")
    #expect(rounded.compression.settings.linear.drift == nil)
    #expect(rounded.compression.settings.rules[0].settings.drift == DriftCorrection(.block))
  }

  /// The default range search depends on method and bits, including those of a rule.
  @Test func defaultRangeSearchesDependOnMethodAndBits() throws {
    func searches(_ compression: String) throws -> [RangeSearch] {
      let settings = try read(least + "compression: \(compression)").compression.settings
      return ([settings.linear] + settings.rules.map(\.settings)).map(\.grid.rangeSearch)
    }
    #expect(try searches("{method: gptq, bits: 2}") == [.weighted])
    #expect(
      try searches(
        "{method: rtn, bits: 3, rules: [{match: 'a', bits: 2}, {match: 'b', method: gptq}]}")
        == [.full, .clipped, .weighted])
    #expect(
      try searches("{method: rtn, bits: 2, rules: [{match: 'a', bits: 4}]}") == [.clipped, .full])
    #expect(
      try searches("{method: rtn, bits: 4, range: clip, rules: [{match: 'a', bits: 3}]}")
        == [.clipped, .clipped])
    #expect(try searches("{method: rtn, bits: 2, range: min-max}") == [.full])
  }

  /// Wanda's default calibration is its authors': whole blocks at once, in float32.
  @Test func wandaCalibratesWholeBlocksInFloat32() throws {
    let wanda = try read(least + "compression: {method: wanda, bits: none, sparsity: 0.5}")
    #expect(!wanda.compression.settings.trueSequential)
    #expect(wanda.compression.arithmetic == .float32)
    let asked = try read(
      least
        + "compression: {method: wanda, bits: none, sparsity: 0.5, true_sequential: true, arithmetic: bfloat16}"
    )
    #expect(asked.compression.settings.trueSequential)
    #expect(asked.compression.arithmetic == .bfloat16)
    let other = try read(least + "compression: {method: sparsegpt, bits: none, sparsity: 0.5}")
    #expect(other.compression.settings.trueSequential)
    #expect(other.compression.arithmetic == .bfloat16)
  }

  /// Repair steps are the default with every pruning method.
  @Test func keptWeightsAreRepairedByDefault() throws {
    func steps(_ fields: String) throws -> Int {
      try read(least + "compression: {bits: none, sparsity: 0.5, \(fields)}")
        .compression.settings.linear.repairSteps
    }
    #expect(try steps("method: sparsegpt") == 20)
    #expect(try steps("method: wanda") == 20)
    #expect(try steps("method: magnitude") == 20)
    #expect(try steps("method: wanda, repair_steps: 0") == 0)
    #expect(try steps("method: magnitude, repair_steps: 7") == 7)
  }
}
