import Bytes
import Foundation
import Pipeline
import TestSupport
import Testing

@Suite struct RecipeTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("data/train.txt", "text")
    try folder.write("data/dev.txt", "text")
    try folder.write("model/config.json", "{}")
  }

  private func read(_ yaml: String, _ environment: [String: String] = [:]) throws -> Recipe {
    try Recipe(yaml: yaml, path: folder.file("small.yaml"), environment: environment)
  }

  /// Returns the problems of a recipe, one line each, without the file's name.
  private func problems(_ yaml: String) -> (kind: Failure.Kind, lines: [String])? {
    let failure = #expect(throws: Failure.self) { try read(yaml) }
    guard let failure else { return nil }
    if let place = failure.place { return (failure.kind, [place + ": " + failure.finding]) }
    return (failure.kind, failure.list)
  }

  private let least = """
    model: model
    calibration: {text: data/train.txt}

    """

  @Test func theMinimalRecipeGetsDefaults() throws {
    let recipe = try read(least)
    #expect(recipe.name == "small")
    #expect(recipe.model == folder.file("model"))
    #expect(recipe.calibration.windows == 128)
    #expect(recipe.calibration.length == 512)
    let linear = recipe.compression.settings.linear
    #expect(linear.method == .gptq && linear.sparsity == .none && linear.quantizes)
    #expect(linear.grid.bits == 4)
    #expect(linear.grid.group == .columns(64))
    #expect(linear.actOrder && linear.staticGroups)
    #expect(recipe.prompt == nil)
    #expect(recipe.evaluations.isEmpty)
    #expect(recipe.gate.all.isEmpty)
    #expect(recipe.packaging.storage == .mapped)
  }

  @Test func storageIsMappedOrCoded() throws {
    #expect(try read(least + "package: {storage: coded}\n").packaging.storage == .coded)
    let wrong = problems(least + "package: {storage: codd}\n")
    #expect(wrong?.lines.count == 1)
    #expect(wrong?.lines.first?.contains("did you mean `coded`?") == true)
  }

  @Test func aFullRecipeIsReadFieldByField() throws {
    let recipe = try read(
      """
      name: tiny-3bit
      seed: 7
      model: model
      calibration: {text: data/train.txt, windows: 8, length: 64, selection: consecutive}
      compression:
        method: rtn
        bits: 3
        group_size: row
        symmetric: yes
        act_order: false
        damping: 0.05
        range: clip
        embeddings: bf16
      prompt:
        name: general
        tokens: 5
        steps: 20
        batch: 2
        length: 32
        learning_rate: 1e-2
        warmup: 4
        schedule: cosine
        clip_norm: 2
        init: vocabulary
        objective: mix
        kl_share: 0.25
        teacher_top: 32
        optimiser: adafactor
        accumulate: 3
        patience: 4
        sink: <s>
        validation: {text: data/dev.txt, windows: 3, every: 10}
      evaluation:
        - {text: data/dev.txt, name: dev, protocol: ctp-1024, seqlen: 48, windows: 6}
        - text: data/train.txt
      gate:
        max_ratio_to_full: 2
        dev: {max_ppl: 30.5}
      output: out.ctpack
      memory: 1.5GiB
      """)
    #expect(recipe.calibration.seed == 7)
    #expect(recipe.compression.settings.linear.grid.group == .row)
    #expect(recipe.compression.settings.linear.grid.symmetric)
    #expect(recipe.compression.settings.embeddings == .bf16)
    #expect(recipe.prompt?.text == folder.file("data/train.txt"))
    #expect(recipe.prompt?.settings.clipNorm == 2)
    #expect(recipe.prompt?.settings.learningRate == 0.01)
    #expect(recipe.prompt?.settings.seed == 7)
    #expect(recipe.prompt?.settings.teacherShare == 0.25)
    #expect(recipe.prompt?.settings.teacherTop == 32)
    #expect(recipe.prompt?.settings.optimiser == .adafactor)
    #expect(recipe.prompt?.settings.accumulation == 3)
    #expect(recipe.prompt?.settings.patience == 4)
    #expect(recipe.prompt?.sink == "<s>")
    #expect(recipe.evaluations.map(\.name) == ["dev", "train"])
    #expect(recipe.gate.limits(for: "dev").maxPerplexity == 30.5)
    #expect(recipe.gate.limits(for: "dev").maxRatioToFull == 2)
    #expect(recipe.gate.limits(for: "train").maxPerplexity == nil)
    #expect(recipe.output == folder.file("out.ctpack"))
    #expect(recipe.memory == 1_610_612_736)
  }

  @Test func kindsOfPromptsHaveTheirOwnFields() throws {
    func prompt(_ fields: String) throws -> PromptRecipe {
      let text = least + "prompt: {\(fields), validation: {text: data/dev.txt}}\n"
      return try #require(try read(text).prompt)
    }
    let soft = try prompt("name: a")
    #expect(soft.kind == .soft && soft.keyValues)
    #expect(soft.settings.learningRate == 0.03 && soft.settings.tokens == 100)
    let prefix = try prompt("kind: prefix, tokens: 6")
    #expect(prefix.kind == .prefix && prefix.settings.tokens == 6 && !prefix.keyValues)
    let lora = try prompt("kind: lora, rank: 4").settings
    #expect(lora.rank == 4 && lora.alpha == 8 && lora.targets == [.q, .v])
    let named = try prompt("kind: lora, alpha: 3, targets: [self_attn.v_proj, fc2, out_proj, v]")
      .settings
    #expect(named.alpha == 3 && named.targets == [.v, .down, .o])
    #expect(try prompt("kind: lora, targets: all").settings.targets.isEmpty)
    let hard = try #require(
      try read(least + "prompt: {kind: hard, hard_text: be brief}\n").prompt)
    #expect(hard.hardText == "be brief" && hard.keyValues)
  }

  @Test func allProblemsAreListedAtOnceWithTheirLines() throws {
    let found = try #require(
      problems(
        """
        modle: model
        calibration:
          text: data/train.txt
          windows: many
          length: 1
        compression:
          bitz: 3
          bits: 5
          damping: -0.5
          range: clib
        gate: {max_ppl: 3}
        """))
    #expect(found.kind == .invalidData)
    #expect(
      found.lines == [
        "line 1: model: is missing: it needs the path of a file",
        "line 1: the recipe: unknown key `modle` (did you mean `model`?)",
        "line 4: calibration.windows: expected a whole number, found `many`",
        "line 5: calibration.length: 1 lies outside 2...1048576",
        "line 7: compression: unknown key `bitz` (did you mean `bits`?)",
        "line 8: compression.bits: weights of 5 bits can't be packed: use 2, 3, 4 or 8",
        "line 9: compression.damping: -0.5 lies outside 0.0...1.0",
        "line 10: compression.range: expected one of min-max, clip, clip-weighted, found `clib` "
          + "(did you mean `clip`?)",
        "line 11: gate.max_ppl: there is no evaluation to apply it to: add one to `evaluation`",
      ])
  }

  @Test(arguments: [
    ("compression: {bits: 3.5}", "line 3: compression.bits: expected a whole number, found `3.5`"),
    ("compression: {bits: \"3\"}", "line 3: compression.bits: expected a whole number, found `3`"),
    (
      "compression: {symmetric: 1}",
      "line 3: compression.symmetric: expected true or false, found `1`"
    ),
    ("compression: 4", "line 3: compression: expected `name: value` pairs, found `4`"),
    (
      "compression: {static_groups: false}",
      "line 3: compression.static_groups: act_order with groups needs static_groups, "
        + "because stored groups are runs of neighbouring columns"
    ),
    (
      "compression: {method: rtn, range: clip-weighted}",
      "line 3: compression.range: clip-weighted needs statistics that rtn doesn't gather: use clip"
    ),
    (
      "compression: {drift: qpe}",
      "line 3: compression.drift: expected one of none, gptaq, qep, block, found `qpe` (did you mean `qep`?)"
    ),
    (
      "compression: {drift: none, drift_strength: 0.5}",
      "line 3: compression.drift_strength: there is no drift correction: add `drift: block`"
    ),
    (
      "compression: {drift: qep, drift_strength: 2}",
      "line 3: compression.drift_strength: 2 lies outside 0.0...1.0"
    ),
    (
      "compression: {method: rtn, drift: gptaq}",
      "line 3: compression.drift: gptaq compensates for drift in later columns, "
        + "but rtn solves all columns at once; use `drift: qep`, or gptq or sparsegpt"
    ),
    (
      "compression: {method: rtn, first_order: 0.1}",
      "line 3: compression.first_order: a first-order term applies only to errors that are fed forward, "
        + "but rtn feeds none forward; use gptq or sparsegpt, or leave `first_order` out"
    ),
    ("name: ../up", "line 3: name: use letters, digits, `-`, `_` and `.` only"),
    (
      "memory: lots", "line 3: memory: expected an amount like `512 MiB` or `1.5 GiB`, found `lots`"
    ),
    (
      "prompt: {tokens: 4}",
      "line 3: prompt.validation: is missing: it names the text by which the best prompt is chosen"
    ),
    (
      "prompt: {name: auto, validation: {text: data/dev.txt}}",
      "line 3: prompt.name: `auto` can't name a prompt: use letters, digits, `-`, `_` and `.`, but not `none` or `auto`"
    ),
    (
      "prompt: {objective: kl, kl_share: 0.5, validation: {text: data/dev.txt}}",
      "line 3: prompt.kl_share: belongs to the objective `mix`"
    ),
    (
      "prompt: {teacher_top: 5, validation: {text: data/dev.txt}}",
      "line 3: prompt.teacher_top: belongs to the objectives `kl` and `mix`: there is no teacher"
    ),
    (
      "prompt: {init: first, init_text: a b, validation: {text: data/dev.txt}}",
      "line 3: prompt.init_text: conflicts with `init`: give only one of them"
    ),
    (
      "prompt: {rank: 4, validation: {text: data/dev.txt}}",
      "line 3: prompt.rank: belongs to prompts of the kind `lora`, not `soft`"
    ),
    (
      "prompt: {kind: lora, tokens: 4, validation: {text: data/dev.txt}}",
      "line 3: prompt.tokens: belongs to prompts of the kind `soft`, `prefix`, not `lora`"
    ),
    (
      "prompt: {kind: hard, hard_text: be brief, steps: 4}",
      "line 3: prompt.steps: belongs to prompts of the kind `soft`, `prefix`, `lora`, not `hard`"
    ),
    (
      "prompt: {kind: hard}",
      "line 3: prompt.hard_text: is missing: it is the text of a hard prompt"
    ),
    (
      "prompt: {kind: lora, targets: [q, w], validation: {text: data/dev.txt}}",
      "line 3: prompt.targets: expected `all` or some of q, k, v, o, gate, up, down, found `w`"
    ),
    (
      "gate: {max_ppl: 3}",
      "line 3: gate.max_ppl: there is no evaluation to apply it to: add one to `evaluation`"
    ),
    (
      "evaluation: [{text: data/dev.txt}, {text: data/dev.txt}]",
      "line 3: evaluation: two evaluations are called `dev`: give one of them a different `name`"
    ),
    (
      "evaluation: {text: data/dev.txt}\ngate: {min_gap_closed: 0.5}",
      "line 4: gate.min_gap_closed: needs a prompt, which is what closes the gap"
    ),
    (
      "evaluation: {text: data/dev.txt}\ngate: {min_same_top: 0.9}",
      "line 4: gate.min_same_top: needs `divergence: true` in the evaluation `dev`"
    ),
    (
      "evaluation: {text: data/dev.txt}\ngate:\n  dev: {max_kl_p99: 1}",
      "line 5: gate.dev.max_kl_p99: needs `divergence: true` in the evaluation"
    ),
    (
      "evaluation: {text: data/dev.txt, divergence: true}\ngate: {min_same_top: 1.5}",
      "line 4: gate.min_same_top: 1.5 lies outside 0.0...1.0"
    ),
    (
      "evaluation: {text: data/dev.txt}\ngate: {margin_se: 2}",
      "line 4: gate.margin_se: there is no limit to apply it to"
    ),
    ("seed: 1\nseed: 2", "line 3: the key `seed` is given twice"),
    ("output: [a, b]", "line 3: output: expected text, found a list"),
    ("? [a]\n: 1", "line 3: a key of the recipe is not a name"),
  ])
  func invalidValuesAreReportedWithTheirLines(yaml: String, expected: String) throws {
    let found = try #require(problems(least + yaml))
    #expect(found.kind == .invalidData)
    #expect(found.lines == [expected])
  }

  @Test func onlyMissingFilesGiveInputMissing() throws {
    let found = try #require(
      problems("model: gone\ncalibration:\n  text: data/nowhere.txt\n"))
    #expect(found.kind == .inputMissing)
    #expect(
      found.lines == [
        "line 1: model: \(folder.file("gone")) does not exist",
        "line 3: calibration.text: \(folder.file("data/nowhere.txt")) does not exist",
      ])
    let mixed = try #require(problems("model: gone\ncalibration: {text: data/train.txt, x: 1}"))
    #expect(mixed.kind == .invalidData)
  }

  @Test func environmentVariablesAreExpandedInPaths() throws {
    let yaml = "model: ${MODELS}/model\ncalibration: {text: data/train.txt}"
    #expect(try read(yaml, ["MODELS": folder.path]).model == folder.file("model"))
    let found = try #require(problems(yaml))
    #expect(found.kind == .inputMissing)
    #expect(found.lines == ["line 1: model: the environment variable MODELS is not set"])
  }
}
