import Bytes
import TestSupport
import Testing

/// Generated texts with characters that a terminal obeys: spelled out on a terminal, and as they are in
/// files and pipes.
@Suite struct GeneratedTextTests {
  let folder: TemporaryFolder
  var ctpack: Program { Program(folder: folder) }

  init() throws {
    folder = try TemporaryFolder()
    try TinyCheckpoint().write(to: folder)
  }

  /// At a high temperature all 263 tokens are about equally likely, and about 30 of them are control
  /// characters.
  private func options(seed: Int) -> [String] {
    [
      "generate", "model", "--prompt-text", "the", "--temperature", "100", "--max-tokens", "60",
      "--seed", "\(seed)", "--threads", "1",
    ]
  }

  /// The first seed whose text has a character that is spelled out, and that text.
  private func obeyed() throws -> (seed: Int, text: String) {
    for seed in 0..<20 {
      let result = try ctpack.run(options(seed: seed) + ["--json"])
      try #require(result.status == 0, "\(result.errors)")
      let text = try #require(result.json["text"]?.string)
      if ShownText.lines(text) != text { return (seed, text) }
    }
    Issue.record("no text has a control character, so the test shows nothing")
    return (0, "")
  }

  @Test func aFileGetsTheTextAsItIs() throws {
    let (seed, text) = try obeyed()
    let plain = try ctpack.run(options(seed: seed))
    #expect(plain.status == 0, "\(plain.errors)")
    #expect(plain.output == text + "\n")
    let piped = try ctpack.run(options(seed: seed), shell: "\"$0\" \"$@\" | cat; exit 0")
    #expect(piped.output == text + "\n")
  }

  /// Several texts are printed when all are done.
  @Test func severalTextsAreGivenAsTheyAre() throws {
    let arguments = try options(seed: obeyed().seed) + ["--prompt-text", "\u{1B}[1m"]
    let texts = try #require(try ctpack.run(arguments + ["--json"]).json["texts"]?.array).map {
      $0["text"]?.string ?? ""
    }
    try #require(texts.count == 2)
    let expected = "> the\n\(texts[0])\n\n> \u{1B}[1m\n\(texts[1])\n\n"
    #expect(try ctpack.run(arguments).output == expected)
    if Program.hasTerminals {
      #expect(try ctpack.onTerminal(arguments).output == ShownText.lines(expected))
    }
  }

  @Test(.enabled(if: Program.hasTerminals, "this machine has no /dev/ptmx"))
  func aTerminalGetsItSpelledOut() throws {
    let (seed, text) = try obeyed()
    let shown = try ctpack.onTerminal(options(seed: seed))
    #expect(shown.status == 0)
    #expect(shown.output == ShownText.lines(text) + "\n")
  }
}
