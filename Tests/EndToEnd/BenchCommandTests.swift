import Bytes
import Foundation
import TestSupport
import Testing

/// `ctpack bench` on a tiny model.
@Suite(.serialized) struct BenchCommandTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }
  private static let small = ["--tokens", "12", "--generate", "3", "--repeats", "2"]

  init() throws { shop = try Workshop() }

  @Test func promptsOfTheBundleAndMadeOnesAreMeasured() throws {
    #expect(try ctpack("run", "small.yaml", "--out", "three.ctpack").status == 0)
    let before = try folder.read("three.ctpack")
    let bench = try ctpack.run(
      ["bench", "three.ctpack", "--lengths", "0,4,6", "--json", "--threads", "1"] + Self.small)
    #expect(bench.status == 0, "\(bench.errors)")
    let json = bench.json
    #expect(json["protocol"]?.string == "bench-12-3")
    #expect(json["threads"]?.int == 1 && json["repeats"]?.int == 2)
    #expect(json["machine"]?["cores"]?.int ?? 0 > 0)
    #expect(json["machine"]?["kernels"]?.string?.contains("openblas") == true)
    let cases = try #require(json["cases"]?.array)
    #expect(cases.map { $0["tokens"]?.int } == [0, 4, 4, 6, 6])
    #expect(
      cases.map { $0["form"]?.string } == ["none", "run", "key-values", "run", "key-values"])
    #expect(cases.map { $0["made"]?.bool } == [false, false, false, true, true])
    #expect(cases.map { $0["kind"]?.string } == ["none", "soft", "soft", "soft", "soft"])
    #expect(cases[1]["name"]?.string == "default")
    for one in cases {
      for key in ["prefill_seconds", "first_token_seconds", "decode_seconds_per_token"] {
        let spread = one[key]
        #expect(spread?["values"]?.array?.count == 2, "\(key)")
        #expect(spread?["median"]?.double ?? 0 > 0, "\(key)")
      }
      // 3 blocks, rows of the prompt, 12 and 3 tokens, 8 numbers of 2 bytes each, keys and values.
      #expect(one["cache_bytes"]?.int == 3 * ((one["tokens"]?.int ?? 0) + 15) * 8 * 2 * 2)
    }
    #expect(cases[0]["relative_to_none"]?["decode"]?["median"]?.double == 1)
    #expect(try folder.read("three.ctpack") == before)

    let page = try ctpack.run(["bench", "three.ctpack", "--lengths", "6", "--quiet"] + Self.small)
    #expect(page.status == 0 && page.errors.isEmpty, "\(page.errors)")
    for words in [
      "bench-12-3", "medians of 2 rounds", "default (soft)", "made, run through the model",
      "stored keys and values", "first token ms", "12 tokens of text",
    ] {
      #expect(page.output.contains(words), "\(words): \(page.output)")
    }
    let one = try ctpack.run(
      ["bench", "three.ctpack", "--prompt", "default", "--lengths", "0", "--json"] + Self.small)
    #expect(one.json["cases"]?.array?.count == 3, "\(one.errors)")
    let unknown = try ctpack.run(["bench", "three.ctpack", "--prompt", "other"] + Self.small)
    #expect(unknown.status == 64 && unknown.errors.contains("default"), "\(unknown.errors)")
  }

  /// A prefix has keys and values only; LoRA has no positions.
  @Test func otherKindsOfAdaptersHaveTheirOwnForms() throws {
    for (kind, form, tokens) in [("prefix", "key-values", 4), ("lora", "weights", 0)] {
      try folder.write(
        "\(kind).yaml",
        """
        model: model
        calibration: {text: train.txt, windows: 6, length: 32}
        compression: {method: rtn, bits: 3, group_size: 16}
        prompt: {name: own, kind: \(kind), \(AdapterBuildTests.kinds[kind] ?? "")}
        """)
      let built = try ctpack("run", "\(kind).yaml", "--work", "work")
      #expect(built.status == 0, "\(built.errors)")
      let bench = try ctpack.run(
        ["bench", "\(kind).ctpack", "--lengths", "0", "--json"] + Self.small)
      #expect(bench.status == 0, "\(bench.errors)")
      let cases = try #require(bench.json["cases"]?.array)
      #expect(cases.count == 2)
      #expect(cases[1]["kind"]?.string == kind && cases[1]["form"]?.string == form)
      #expect(cases[1]["tokens"]?.int == tokens)
    }
  }

  @Test func checkpointsAreMeasuredWithMadePrompts() throws {
    let bench = try ctpack.run(["bench", "model", "--lengths", "2", "--json"] + Self.small)
    #expect(bench.status == 0, "\(bench.errors)")
    #expect(bench.json["cases"]?.array?.map { $0["made"]?.bool } == [false, true, true])
    #expect(bench.json["weights_digest"]?.isNull == true)
    let refused = try ctpack("bench", "model", "--prompt", "p")
    #expect(refused.status == 64 && refused.errors.contains("only bundles"))
  }

  @Test func wrongOptionsAreRefused() throws {
    for options in [
      ["--tokens", "0"], ["--generate", "0"], ["--repeats", "0"], ["--lengths", "3,x"],
      ["--lengths", "-1"], ["--lengths", ""],
    ] {
      #expect(try ctpack.run(["bench", "model"] + options).status == 64, "\(options)")
    }
    #expect(try ctpack("bench", "no.ctpack").status == 66)
  }
}
