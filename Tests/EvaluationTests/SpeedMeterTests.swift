import Bytes
import Checkpoints
import Evaluation
import Models
import Numerics
import TestSupport
import Testing

/// Speed measurements: their cases, their order, and what is counted.
@Suite struct SpeedMeterTests {
  let model: LanguageModel

  init() throws {
    let folder = RealModel.packageRoot + "/Tests/ModelsTests/Golden/llama-odd"
    model = try LanguageModel(source: Checkpoint.open(folder))
  }

  private func settings(_ text: Int, _ generated: Int, repeats: Int) -> SpeedSettings {
    var settings = SpeedSettings()
    (settings.textTokens, settings.generatedTokens) = (text, generated)
    settings.repeats = repeats
    return settings
  }

  @Test func lengthsThatNoPromptHasAreMade() throws {
    let cases = try SpeedCase.all(
      model: model, bundle: nil, adapters: [], lengths: [5, 0, 3, 5])
    #expect(cases.map(\.tokens) == [0, 3, 3, 5, 5])
    #expect(cases.map(\.form) == [.none, .run, .keyValues, .run, .keyValues])
    #expect(cases.map(\.isMade) == [false, true, true, true, true])
    #expect(cases.map(\.start.count) == [0, 3, 3, 5, 5])
    let width = model.configuration.embeddingSize
    #expect(cases.map(\.parameters) == [0, 3 * width, 3 * width, 5 * width, 5 * width])
  }

  @Test func everyRoundMeasuresEveryCase() throws {
    let cases = try SpeedCase.all(model: model, bundle: nil, adapters: [], lengths: [3])
    let meter = try SpeedMeter(cases, settings: settings(8, 4, repeats: 3))
    #expect(meter.settings.protocolID == "bench-8-4")
    var reports: [Int] = []
    let results = try meter.run(
      progress: ProgressHandler { (done, total, _) throws(Failure) in
        #expect(total == 12)
        reports.append(done)
      })
    #expect(reports == Array(0...12))
    #expect(results.map(\.subject.form) == [.none, .run, .keyValues])
    let c = model.configuration
    for (result, tokens) in zip(results, [0, 3, 3]) {
      #expect(result.firstToken.values.count == 3 && result.decode.values.count == 3)
      for (first, prefill) in zip(result.firstToken.values, result.prefill.values) {
        #expect(prefill > 0 && first >= prefill)
      }
      #expect(result.decode.minimum > 0)
      // Rows of the prompt, the text and the generated tokens, in float16, keys and values.
      #expect(result.cacheBytes == c.layers * (tokens + 12) * c.kvHeads * c.headDim * 2 * 2)
    }
    #expect(results[0].firstToken.ratios(to: results[0].firstToken).median == 1)
  }

  @Test func everySecondRoundIsReversed() {
    let rounds = (0..<3).map { SpeedMeter.order(round: $0, of: 3) }
    #expect(rounds == [[0, 1, 2], [2, 1, 0], [0, 1, 2]])
  }

  @Test func aStopEndsTheMeasurement() throws {
    let meter = try SpeedMeter([.none(model)], settings: settings(4, 1, repeats: 2))
    #expect(throws: Failure.self) {
      try meter.run(
        progress: ProgressHandler { (done, _, _) throws(Failure) in
          if done == 1 { throw Failure(.interrupted, "stopped") }
        })
    }
  }

  /// Learned positions are limited; the longest prompt's are counted before anything is measured.
  @Test func tooFewPositionsAreRefused() throws {
    let folder = try TemporaryFolder()
    var tiny = TinyCheckpoint()
    (tiny.family, tiny.kvHeads) = (.opt, tiny.heads)
    let model = try LanguageModel(source: Checkpoint.open(tiny.write(to: folder)))
    let limit = try #require(model.configuration.positionLimit)
    let cases = try SpeedCase.all(model: model, bundle: nil, adapters: [], lengths: [7])
    #expect(throws: Never.self) {
      try SpeedMeter(cases, settings: settings(limit - 9, 2, repeats: 1))
    }
    #expect(throws: Failure.self) {
      try SpeedMeter(cases, settings: settings(limit - 8, 2, repeats: 1))
    }
  }

  @Test func quartilesAreInterpolated() {
    let spread = Spread([5, 1, 4, 2])
    #expect(spread.minimum == 1 && spread.maximum == 5)
    #expect(spread.median == 3)
    #expect(spread.lowerQuartile == 1.75 && spread.upperQuartile == 4.25)
    #expect(Spread([7]).lowerQuartile == 7 && Spread([7]).upperQuartile == 7)
    #expect(Spread([2, 9, 4]).ratios(to: Spread([1, 3, 2])).values == [2, 3, 2])
    #expect(Spread([1, 2]).map { 10 * $0 }.values == [10, 20])
  }

  @Test func cachesInEightBitsHaveScales() {
    func bytes(_ format: AttentionCache.Format) -> Int {
      AttentionCache.byteCount(rows: 5, kvHeads: 2, headDim: 16, format: format)
    }
    #expect(bytes(.float32) == 2 * 5 * 32 * 4)
    #expect(bytes(.float16) == 2 * 5 * 32 * 2)
    #expect(bytes(.int8) == 2 * 5 * (32 + 2 * 4))
  }

  @Test func aCrowdedMachineIsNoted() throws {
    func warning(cores: Int, threads: Int, others: Double?) -> String? {
      MeasuringMachine(
        processor: nil, cores: cores, threads: threads, kernels: "plain", memory: 1,
        loadAverage: nil, otherCores: others
      ).warning
    }
    #expect(warning(cores: 2, threads: 2, others: 0.1) == nil)
    #expect(warning(cores: 2, threads: 2, others: nil) == nil)
    #expect(warning(cores: 8, threads: 2, others: 5) == nil)
    let found = try #require(warning(cores: 2, threads: 2, others: 1.3))
    #expect(found.contains("1.3 of 2 cores"))
    #expect(warning(cores: 8, threads: 2, others: 6.5) != nil)
    // More threads than cores compete with each other anyway.
    #expect(warning(cores: 2, threads: 4, others: 0) == nil)
  }
}
