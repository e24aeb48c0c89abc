import Bytes
import Evaluation
import Testing

@Suite struct PerplexityProtocolTests {
  @Test func idsParseToTheirProtocol() throws {
    for id in ["ctp-1024", "gptq-2048", "llamacpp-512", "ctp-7"] {
      #expect(try PerplexityProtocol(id: id).id == id)
    }
    #expect(PerplexityProtocol.standard.id == "ctp-1024")
    #expect(PerplexityProtocol.gptq2048.id == "gptq-2048")
    #expect(PerplexityProtocol.llamacpp512.id == "llamacpp-512")
  }

  @Test(arguments: [
    "", "ctp", "ctp-", "ctp-0", "ctp-3", "ctp-01024", "ctp--5", "ctp-1e3", "CTP-64", "wiki-64",
    "ctp-64-2",
  ])
  func otherIdsAreRefused(_ id: String) {
    #expect { try PerplexityProtocol(id: id) } throws: { ($0 as? Failure)?.kind == .usage }
  }

  @Test func scoredTargetsOfEachProtocol() throws {
    #expect(PerplexityProtocol.standard.targetsPerWindow == 1023)
    #expect(PerplexityProtocol.gptq2048.targetsPerWindow == 2047)
    // llama.cpp scores logits 256 ..< 511 of a window of 512: 255 targets, 257 ... 511.
    #expect(PerplexityProtocol.llamacpp512.firstTarget == 257)
    #expect(PerplexityProtocol.llamacpp512.targetsPerWindow == 255)
  }

  @Test func windowsAreConsecutive() throws {
    let ids = [Int32](10..<33)
    let plain = try PerplexityProtocol(.ctp, length: 5)
    #expect(plain.windowCount(tokens: ids.count) == 4)
    #expect(plain.window(1, of: ids, bos: 1) == [15, 16, 17, 18, 19])
    let forced = try PerplexityProtocol(.llamacpp, length: 5)
    #expect(forced.window(1, of: ids, bos: 1) == [1, 16, 17, 18, 19])
    #expect(forced.window(1, of: ids, bos: nil) == [15, 16, 17, 18, 19])
  }
}
