import Bytes
import Foundation
import TestSupport
import Testing

/// Builds of a tiny model by the real program: pruning, rules per layer, a size budget, refused events.
@Suite(.serialized) struct CompressionBuildTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws { shop = try Workshop() }

  private func recipe(_ name: String, _ compression: String) throws {
    try folder.write(
      "\(name).yaml",
      """
      model: model
      calibration: {text: train.txt, windows: 6, length: 32}
      compression:
      \(compression.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
      evaluation: [{text: test.txt, protocol: ctp-32, windows: 4}]
      """)
  }

  private func tensors(_ bundle: String) throws -> [JSON] {
    let inspected = try ctpack("inspect", bundle, "--json", "--verify", "full")
    #expect(inspected.status == 0, "\(inspected.errors)")
    return try #require(inspected.json["tensors"]?.array)
  }

  @Test func rulesDecideLayerByLayer() throws {
    try recipe(
      "rules",
      """
      method: gptq
      bits: 4
      group_size: 8
      sparsity: "2:4"
      embeddings: q8
      fail_on: [damping_raised]
      rules:
        - {match: "*.down_proj", sparsity: 0.75, bits: none}
        - {match: "model.layers.0.*", leave: true}
      """)
    let run = try ctpack("run", "rules.yaml")
    #expect(run.status == 0, "\(run.errors)")
    for tensor in try tensors("rules.ctpack") {
      let name = try #require(tensor["name"]?.string)
      let (bits, sparsity) = (tensor["bits"]?.int, tensor["sparsity"]?.double ?? -1)
      if name.hasPrefix("model.layers.0.") {
        #expect(bits ?? 0 >= 16 && sparsity == 0, "\(name)")
      } else if name.hasSuffix("down_proj.weight") {
        #expect(bits == 16 && abs(sparsity - 0.75) < 0.01, "\(name)")
      } else if name.hasSuffix("_proj.weight") {
        #expect(bits == 4 && sparsity == 0.5, "\(name)")
      } else if name.hasSuffix("embed_tokens.weight") {
        #expect(bits == 8 && sparsity == 0, "\(name)")
      }
    }
    let page = try ctpack("inspect", "rules.ctpack")
    #expect(page.output.contains("Compressed layers") && page.output.contains("calibrated on"))
    let ledger = try ctpack("inspect", "rules.ctpack", "--json").json["ledger"]
    #expect(ledger?["layers"]?.array?.count == 14)
    #expect(ledger?["calibration"]?["windows"]?.int == 6)
    let evaluated = try ctpack(
      "eval", "rules.ctpack", "--text", "test.txt", "--protocol", "ctp-32", "--windows", "4",
      "--json")
    #expect(evaluated.status == 0, "\(evaluated.errors)")
    let stored = try ctpack("inspect", "rules.ctpack", "--json").json["evidence"]?.array?.last
    #expect(evaluated.json["ppl"]?.double == stored?["ppl"]?.double)
  }

  @Test func aBudgetMixesBitsAcrossLayers() throws {
    try recipe("budget", "method: gptq\ngroup_size: 8\ntarget_bits_per_weight: 11")
    let run = try ctpack("run", "budget.yaml")
    #expect(run.status == 0, "\(run.errors)")
    let linear = try tensors("budget.ctpack").filter {
      $0["name"]?.string?.hasSuffix("_proj.weight") == true
    }
    #expect(linear.count == 21)
    let bytes = linear.reduce(0) { $0 + ($1["stored_bytes"]?.int ?? 0) }
    let weights = linear.reduce(0) {
      $0 + ($1["shape"]?.array ?? []).reduce(1) { $0 * ($1.int ?? 0) }
    }
    #expect(Double(bytes * 8) <= 11 * Double(weights))
    #expect(
      Set(linear.compactMap { $0["bits"]?.int }).count > 1,
      "every layer got the same number of bits")

    try recipe("stingy", "method: gptq\ngroup_size: 8\ntarget_bits_per_weight: 1.5")
    let refused = try ctpack("run", "stingy.yaml")
    #expect(refused.status == 64)
    #expect(refused.errors.contains("no allocation fits 1.5"))
  }

  /// With the same mask, repair steps (moving the kept weights) reduce the first block's output error; the
  /// ledger records their number and damping.
  @Test(arguments: ["wanda", "magnitude"]) func keptWeightsAreMoved(_ method: String) throws {
    var errors: [Double] = []
    for steps in [0, 10] {
      let name = "\(method)-\(steps)"
      try recipe(
        name, "method: \(method)\nbits: none\nsparsity: 0.5\nrepair_steps: \(steps)\nvalues: f32")
      let run = try ctpack("run", "\(name).yaml")
      #expect(run.status == 0, "\(run.errors)")
      let ledger = try ctpack("inspect", "\(name).ctpack", "--json").json["ledger"]
      let layer = try #require(
        ledger?["layers"]?.array?.first { $0["tensor"]?.string?.contains("layers.0.") == true })
      #expect(layer["damping"]?.double == (steps > 0 ? 0.01 : nil))
      #expect(layer["repairSteps"]?.int == (steps > 0 ? steps : nil))
      // Plain magnitude pruning gathers no statistics, so it has no output error.
      if method == "magnitude" { #expect((layer["relativeOutputError"] != nil) == (steps > 0)) }
      errors.append(layer["relativeOutputError"]?.double ?? .infinity)
    }
    #expect(errors[1] < errors[0])
  }

  /// An input column that is always 0 is a numerical event; with `fail_on` it ends the build.
  @Test func refusedEventsEndTheBuild() throws {
    let weights = try folder.read("model/model.safetensors")
    try folder.write("model/model.safetensors", try Self.silenced(weights))
    try recipe("dead", "method: gptq\nbits: 4\ngroup_size: 8")
    #expect(try ctpack("run", "dead.yaml").status == 0)
    let events = try ctpack("inspect", "dead.ctpack", "--json").json["events"]?.array ?? []
    #expect(events.contains { $0["kind"]?.string == "dead-columns" })
    try recipe("picky", "method: gptq\nbits: 4\ngroup_size: 8\nfail_on: [dead_columns]")
    let refused = try ctpack("run", "picky.yaml")
    #expect(refused.status == 1)
    #expect(refused.errors.contains("dead-columns at model.layers.0"), "\(refused.errors)")
    #expect((try? folder.read("picky.ctpack")) == nil)
  }

  /// A safetensors file with the first gain of block 0's input norm set to 0, so that one input column of
  /// its attention is always 0.
  private static func silenced(_ file: [UInt8]) throws -> [UInt8] {
    var file = file
    let length = (0..<8).reduce(0) { $0 | Int(file[$1]) << (8 * $1) }
    let header = try JSON(parsing: ByteSlice(Array(file[8..<8 + length])), file: "header")
    let entry = try #require(header["model.layers.0.input_layernorm.weight"])
    let start = try #require(entry["data_offsets"]?[0]?.int)
    let width = entry["dtype"]?.string == "F32" ? 4 : 2
    for byte in 0..<width { file[8 + length + start + byte] = 0 }
    return file
  }

  @Test func mistakesAreFoundBeforeWorkStarts() throws {
    func expect(_ compression: String, _ words: String...) throws {
      try recipe("wrong", compression)
      let run = try ctpack("run", "wrong.yaml")
      #expect([64, 65].contains(run.status))
      for word in words { #expect(run.errors.contains(word), "\(run.errors)") }
      #expect(!run.errors.contains("import"), "work had started")
    }
    try expect("group_size: 8\nrules: [{match: '*.gate', bits: 2}]", "*.gate", "matches no layer")
    try expect("sparsity: '4:2'", "4:2")
    try expect("sparsity: '3:32'\nbits: 4\ngroup_size: 8", "32 columns")
    try expect("method: wanda\nbits: 4", "no sparsity")
    try expect("bits: none", "nothing is compressed")
    try expect("group_size: 1000", "wider than a row")
    try expect("fail_on: [dead_cats]", "dead_cats", "dead_columns")
    try folder.write("train.txt", "too short")
    try expect(
      "bits: 4\ngroup_size: 8", "train.txt", "0 windows of 32, the recipe asks for 6", "line 2")
  }
}
