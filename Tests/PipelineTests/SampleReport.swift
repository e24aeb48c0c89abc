import Bytes
import Pipeline

/// Made-up data of a report with every view: three compressions of one model, the first with all
/// kinds of evidence.
enum SampleReport {
  static func digest(_ text: String) -> SHA256Digest { SHA256Digest(hashing: Array(text.utf8)) }

  static var data: ReportData {
    var data = ReportData(programVersion: "0.2.0")
    data.bundles = [
      bundle("smol-3bit", bits: 3, full: 17.86, plain: 21.43, prompted: 19.27, in: &data.protocols),
      bundle("smol-4bit", bits: 4, full: 17.86, plain: 18.52, prompted: 18.11, in: &data.protocols),
      bundle(
        "smol-2bit-sparse", bits: 2, full: 17.86, plain: 64.7, prompted: 38.9, in: &data.protocols),
    ]
    data.bundles[0].tasks = tasks(in: &data.protocols)
    data.bundles[0].similarities = similarities(in: &data.protocols)
    data.bundles[0].tokens = tokens(in: &data.protocols)
    transfer(in: &data)
    return data
  }

  /// The protocol under which all bundles of the sample are measured.
  static let heldOut = ReportProtocol(
    .perplexity, id: "ctp-1024", text: "wikitext-test", textDigest: digest("wikitext"),
    tokenizer: digest("tokenizer"), windows: 64, scored: 65472, available: 66210,
    arithmetic: "float32")

  static func bundle(
    _ name: String, bits: Int, full: Double, plain: Double, prompted: Double,
    in protocols: inout ReportProtocols
  ) -> ReportBundle {
    var bundle = ReportBundle(
      name: name, digest: digest(name), weights: digest(name + " weights"),
      fileBytes: 38_000_000 + bits * 12_000_000, parameters: 134_515_008,
      bitsPerWeight: Double(bits) + 1.4)
    bundle.baseModel = digest("base")
    bundle.baseModelName = "SmolLM2-135M-Instruct"
    bundle.design = "llama family, 30 blocks, width 576, vocabulary 49,152"
    bundle.layerBits = Double(bits) + 0.31
    bundle.layerSparsity = bits == 2 ? 0.5 : nil
    bundle.sourceBytes = 269_060_552
    bundle.programVersion = "0.2.0"
    bundle.kernelClass = "openblas-0.3.21/Zen+avx2+int8"
    bundle.stages = ["import", "calibrate", "compress", "prompt", "verify", "gate"].map {
      (name: $0, key: digest(name + $0))
    }
    bundle.texts = [
      (role: "calibration", name: "c4-train.txt", digest: digest("c4")),
      (role: "evaluation", name: "wikitext-test.txt", digest: digest("wikitext")),
    ]
    bundle.recipe = [
      "name": .string(name), "model": "SmolLM2-135M-Instruct",
      "compression": [
        "bits": JSON(bits), "group_size": 64, "act_order": true,
        "rules": bits == 2 ? [["name": "down_proj", "bits": 3]] : [],
      ],
      "prompt": ["tokens": 100, "steps": bits == 4 ? 1000 : 3000, "learning_rate": 0.01],
    ]
    let number = protocols.number(of: heldOut)
    let shift = full / 60
    bundle.scores = [
      ReportScore(.full, perplexity: ReportValue(full, error: shift), protocol: number),
      ReportScore(
        .compressed, perplexity: ReportValue(plain, error: shift * 1.2),
        ratio: ReportValue(plain / full, error: 0.004), divergence: divergence(0.021 * plain),
        protocol: number),
      ReportScore(
        .compressedWithPrompt, prompt: "wiki",
        perplexity: ReportValue(prompted, error: shift * 1.1),
        ratio: ReportValue(prompted / full, error: 0.003), divergence: divergence(0.014 * prompted),
        protocol: number),
      ReportScore(
        .fullWithPrompt, prompt: "wiki", perplexity: ReportValue(full - 0.5, error: shift),
        ratio: ReportValue(1 - 0.5 / full, error: 0.002), divergence: divergence(0.06),
        protocol: number),
      ReportScore(
        .compressedWithPrompt, prompt: "auto", rule: "keys",
        perplexity: ReportValue(prompted + 0.1, error: shift), protocol: number),
    ]
    bundle.layers = layers(bits)
    bundle.layersProtocol = protocols.number(
      of: ReportProtocol(
        .layers, id: "output error", text: "c4-train.txt", textDigest: digest("c4"),
        tokenizer: digest("tokenizer"), windows: 128))
    bundle.prompts = [
      ReportPrompt(
        name: "wiki", label: "soft prompt, 100 × 576", parameters: 57_600,
        objective: "cross-entropy", trust: "learned on these weights",
        digest: digest(name + "wiki"),
        learnedOn: bundle.weights,
        texts: [(role: "training", name: "wikitext-train.txt", digest: digest("train"))],
        curve: ReportCurve(
          points: (0...12).map { step in
            (step: step * 250, perplexity: prompted + (plain * 1.2 - prompted) / Double(1 + step))
          }, without: plain, bestStep: 3000,
          protocol: protocols.number(
            of: ReportProtocol(
              .learning, id: "windows of 1024", text: "wikitext-valid.txt",
              tokenizer: digest("tokenizer"), windows: 16))))
    ]
    return bundle
  }

  static func divergence(_ mean: Double) -> ReportDivergence {
    ReportDivergence(
      mean: ReportValue(mean, error: mean / 40), maximum: mean * 41,
      percentiles: [
        (0.1, mean * 1e-4), (1, mean * 1e-3), (5, mean * 0.01), (10, mean * 0.03), (50, mean * 0.4),
        (90, mean * 2.4), (95, mean * 3.6), (99, mean * 8.8), (99.9, mean * 19),
      ],
      sameTop: ReportValue(1 - mean / 3, error: 0.002),
      meanDelta: ReportValue(-mean / 20, error: 0.001),
      rmsDelta: ReportValue(mean / 4))
  }

  static func layers(_ bits: Int) -> [ReportLayer] {
    let sizes: [(name: String, rows: Int, columns: Int)] = [
      ("self_attn.q_proj", 576, 576), ("self_attn.k_proj", 192, 576),
      ("self_attn.v_proj", 192, 576),
      ("self_attn.o_proj", 576, 576), ("mlp.gate_proj", 1536, 576), ("mlp.up_proj", 1536, 576),
      ("mlp.down_proj", 576, 1536),
    ]
    var layers = [
      ReportLayer(
        tensor: "model.embed_tokens.weight", shape: [49152, 576],
        storage: "8 bits, one group per row",
        parameters: 28_311_552, storedBytes: 28_557_312, bits: 8)
    ]
    for block in 0..<30 {
      for (place, size) in sizes.enumerated() {
        let wave = Double((block * 7 + place * 13) % 17) / 17
        let parameters = size.rows * size.columns
        layers.append(
          ReportLayer(
            tensor: "model.layers.\(block).\(size.name).weight", shape: [size.rows, size.columns],
            storage: "\(bits) bits, groups of 64", parameters: parameters,
            storedBytes: parameters * (place == 6 ? bits + 1 : bits) / 8, bits: bits,
            sparsity: bits == 2 && place > 3 ? 0.5 : 0,
            error: 0.004 + 0.03 * wave + (block == 0 && place == 6 ? 0.09 : 0)))
      }
    }
    return layers
  }

  static func tasks(in protocols: inout ReportProtocols) -> [ReportTask] {
    let flips: [ReportTask.Flip] = [
      ReportTask.Flip(
        .rightToWrong, .compressed, row: 17,
        question: "Question: How do you keep <b>bread</b> & butter fresh?\nAnswer:",
        choices: ["put it in a closed box", "leave it in the rain"], gold: 0,
        before: .choice(0), after: .choice(1)),
      ReportTask.Flip(
        .wrongToRight, .compressedWithPrompt, row: 17,
        question: "Question: What melts snow?\nAnswer:", choices: ["salt", "a good story"], gold: 0,
        before: .choice(1), after: .choice(0)),
      ReportTask.Flip(.wrongToWrong, .compressed, row: 204, before: .choice(0), after: .choice(1)),
    ]
    let names = ["piqa", "hellaswag"]
    return names.enumerated().map { index, name in
      let number = protocols.number(
        of: ReportProtocol(
          .task, id: name, text: name, textDigest: digest(name), tokenizer: digest("tokenizer"),
          scored: 500, available: 1838, arithmetic: "float32"))
      let base = 0.68 - 0.2 * Double(index)
      return ReportTask(
        name: name, protocol: number,
        columns: [
          ReportTask.Column(
            .full,
            metrics: [
              ("acc", ReportValue(base, error: 0.021)),
              ("acc_norm", ReportValue(base + 0.01, error: 0.021)),
            ]),
          ReportTask.Column(
            .compressed,
            metrics: [
              ("acc", ReportValue(base - 0.05, error: 0.021)),
              ("acc_norm", ReportValue(base - 0.04, error: 0.021)),
            ], mcNemar: 0.0031),
          ReportTask.Column(
            .compressedWithPrompt, prompt: "wiki",
            metrics: [("acc", ReportValue(base - 0.02, error: 0.021))]),
          ReportTask.Column(
            .fullWithPrompt, prompt: "wiki",
            metrics: [("acc", ReportValue(base + 0.004, error: 0.021))]),
        ], flips: index == 0 ? flips : [])
    }
  }

  static func similarities(in protocols: inout ReportProtocols) -> [ReportSimilarity] {
    let number = protocols.number(
      of: ReportProtocol(.similarity, id: "similarity", text: "wikitext-test", windows: 4))
    return ["attention maps", "activations"].flatMap { quantity in
      ["no prompt", "prompt", "LoRA"].enumerated().map { index, condition in
        ReportSimilarity(
          quantity: quantity, condition: condition,
          values: (0..<30).map { 0.995 - Double($0) * (0.004 - 0.001 * Double(index)) },
          protocol: number)
      }
    }
  }

  static func tokens(in protocols: inout ReportProtocols) -> ReportTokens {
    let words =
      "The tower of the old town was built in 1374 by Ulrich von Ensingen, who\nnever saw it finished; "
      + "a fire in 1521 took the roof and both bells."
    let tokens = words.split(separator: " ").enumerated().map { index, word -> ReportTokens.Token in
      let loss = Double((index * 37) % 50) / 10
      let lost = Double((index * 29) % 47) / 12 - 1.1
      let back = Double((index * 31) % 23) / 14 - 0.5
      return ReportTokens.Token(
        (index == 0 ? "" : " ") + word, full: index == 0 ? nil : loss,
        compressed: index == 0 ? nil : loss + lost, prompted: index == 0 ? nil : loss + lost - back)
    }
    let number = protocols.number(
      of: ReportProtocol(
        .tokens, id: "ctp-512", text: "page.txt", textDigest: digest("page"),
        tokenizer: digest("tokenizer"), windows: 1, scored: tokens.count - 1, available: 9000,
        arithmetic: "float32"))
    return ReportTokens(tokens: tokens, prompt: "wiki", protocol: number)
  }

  /// Each prompt on each bundle, and on weights that are no input's.
  static func transfer(in data: inout ReportData) {
    let number = data.protocols.number(of: heldOut)
    let weights = data.bundles.map(\.weights) + [digest("elsewhere")]
    for index in data.bundles.indices {
      data.bundles[index].prompts[0].validations = weights.enumerated().compactMap {
        place, weights in
        if index == 1, place == 2 { return nil }
        let without = [21.43, 18.52, 64.7, 24.0][place]
        let gain = index == place ? 0.88 : 0.95 + 0.08 * Double(place)
        return ReportValidation(
          weights: weights, without: without, with: without * gain, protocol: number)
      }
    }
  }
}
