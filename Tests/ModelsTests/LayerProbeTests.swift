import Bytes
import ModelSupport
import Models
import Numerics
import TestSupport
import Testing

/// Forward passes that stop after every block.
@Suite struct LayerProbeTests {
  /// Block by block, the same numbers as a whole pass, to the bit; for each design, without and with a prompt.
  @Test(arguments: RandomModel.designs.indices, [0, 3])
  func theLossesAreTheScorers(_ design: Int, _ prompt: Int) throws {
    let configuration = RandomModel.designs[design]
    var random = TestRandom("\(design) \(prompt)")
    let model = try RandomModel.make(seed: random.next(), configuration: configuration)
    let rows = try model.embed((0..<prompt).map { Int32($0 + 5) })
    let adapter: Adapter? = prompt == 0 ? nil : .prompt(rows)
    let probe = try LayerProbe(model, adapter: adapter, length: 9)
    #expect(probe.promptTokens == prompt)
    for _ in 0..<2 {
      let ids = (0..<9).map { _ in Int32(random.below(configuration.vocabularySize)) }
      try probe.begin(ids)
      for layer in 0..<configuration.layers {
        try probe.run(layer)
        #expect(probe.output.shape == [9, configuration.hiddenSize])
        let row = probe.attention.row(query: 8, head: configuration.heads - 1)
        #expect(row.text.count == 9)
        #expect(prompt == 0 ? row.prefixShare == 0 : row.prefixShare > 0 && row.prefixShare < 1)
      }
      let expected = try Scorer(model, adapter: adapter).nll([ids])[0]
      #expect(try probe.losses(of: ids) == expected, "\(random.note)")
    }
  }

  @Test func idsOutsideTheVocabularyAreRefused() throws {
    let model = try RandomModel.make(seed: 1)
    let probe = try LayerProbe(model, adapter: nil, length: 2)
    #expect(throws: Failure.self) { try probe.begin([0, 53]) }
  }
}
