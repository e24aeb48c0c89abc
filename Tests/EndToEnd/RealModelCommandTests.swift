import TestSupport
import Testing

/// Commands on a real model's GGUF file.
@Suite(.enabled(if: RealModel.isPresent, "\(RealModel.skipReason)"))
struct RealModelCommandTests {
  /// A model that was read wrongly is about as good as chance, which is 49,152 for its vocabulary.
  @Test func aGGUFFileIsMeasured() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "text.txt",
      """
      The sun is a star at the centre of the solar system. The planets move around it, and the Earth \
      takes one year for its way. The Moon moves around the Earth, and takes about one month. In the \
      night we see many other stars, which are so far away that they look like points of light.
      """)
    let path = try #require(RealModel.gguf)
    let result = try Program(folder: folder)(
      "eval", path, "--text", "text.txt", "--seqlen", "32", "--windows", "1", "--json")
    #expect(result.status == 0, "\(result.errors)")
    let perplexity = try #require(result.json["ppl"]?.double)
    #expect(perplexity > 1 && perplexity < 500)
    #expect(result.json["scored_tokens"]?.int == 31)
  }
}
