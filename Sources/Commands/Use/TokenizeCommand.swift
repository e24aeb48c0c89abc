import ArgumentParser
import Bytes
import Pipeline
import Text

/// The command `ctpack tokenize`.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Print the token ids of a text.",
    discussion: """
      No special tokens are added. A folder needs only its tokenizer.json (or vocab.json and \
      merges.txt), a GGUF file only its vocabulary: weights aren't read.
      """)

  @Argument(help: "A bundle, a Hugging Face folder or a GGUF file.") var model: String
  @Argument(help: "A UTF-8 text file, or a .jsonl file whose `text` fields are joined by a space.")
  var file: String
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    let tokenizer = try ModelFile.tokenizer(at: model)
    let ids: [Int32]
    // `Corpus` refuses empty files because nothing can be measured on them; they have no tokens.
    if try FileIdentity(path: file).size == 0 {
      ids = []
    } else {
      ids = tokenizer.encode(try Corpus.load(path: file).text)
    }
    if json {
      return try Output.print(
        DamageReport.adding(
          to: ["count": JSON(ids.count), "ids": .array(ids.map { .integer(Int64($0)) })]
        ).canonicalText)
    }
    try Output.print(ids.map(String.init).joined(separator: " "))
  }
}
