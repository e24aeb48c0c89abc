import Bytes
import TestSupport
import Testing
import Text

@Suite("Corpora and windows")
struct CorpusTests {
  private func corpus(_ text: String, _ form: CorpusForm) throws -> Corpus {
    try Corpus(parsing: ByteSlice(Array(text.utf8)), form: form, file: "f")
  }

  private func finding(_ bytes: [UInt8], _ form: CorpusForm) -> String {
    do {
      _ = try Corpus(parsing: ByteSlice(bytes), form: form, file: "f")
      return "accepted"
    } catch {
      #expect(error.kind == .invalidData)
      return error.description
    }
  }

  @Test("rows are joined as in the datasets library")
  func rows() throws {
    let wiki = try corpus(" \n = Title = \n \n Text one . \n", .wikiTextRows)
    #expect(wiki.text == "\n\n = Title = \n\n\n\n\n Text one . \n")
    #expect(wiki.documents == 4)
    #expect(try corpus(" no it was \n mr. x \n", .pennTreebankRows).text == "no it was mr. x")
  }

  @Test("documents of a .jsonl file are joined")
  func documents() throws {
    let lines =
      "{\"text\":\"one\\n\"}\n\n{\"text\":\"t\\u0077o\",\"meta\":[1]}\r\n{\"text\":\"three\"}"
    let joined = try corpus(lines, .documents(limit: nil, joiner: " "))
    #expect(joined.text == "one\n two three" && joined.documents == 3)
    #expect(try corpus(lines, .documents(limit: 2, joiner: "|")).text == "one\n|two")
  }

  @Test("errors name the line or the byte")
  func errors() {
    let form = CorpusForm.documents(limit: nil, joiner: " ")
    #expect(finding(Array("{\"text\":\"a\"}\n{\"text\":".utf8), form).hasPrefix("f: line 2: "))
    #expect(
      finding(Array("\n{\"txt\":\"a\"}".utf8), form) == "f: line 2: the field \"text\" is missing")
    #expect(finding(Array("{\"text\":7}".utf8), form).contains("a number, not a string"))
    #expect(finding(Array("[1]".utf8), form).contains("expected an object, found an array"))
    #expect(finding([0x61, 0x62, 0xE2, 0x82, 0x20], .plain).hasPrefix("f: byte 2: "))
    #expect(finding([0x61, 0xED, 0xA0, 0x80], .plain).hasPrefix("f: byte 1: "))
    #expect(finding([], .plain).contains("empty"))
    #expect(finding(Array(" \n\n".utf8), form).contains("no text"))
  }

  @Test("the path's extension decides the form; a missing file is inputMissing")
  func files() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("corpus.jsonl")
    let content = Array("{\"text\":\"a\"}\n{\"text\":\"b\"}\n".utf8)
    try AtomicFile.write(content, to: path)
    let corpus = try Corpus.load(path: path)
    #expect(corpus.text == "a b" && corpus.digest == SHA256Digest(hashing: content))
    #expect(try Corpus.load(path: path, form: .plain).text.utf8.elementsEqual(content))
    #expect {
      _ = try Corpus.load(path: path + ".absent")
    } throws: { error in
      (error as? Failure)?.kind == .inputMissing
    }
  }

  @Test("consecutive and random windows")
  func windows() {
    let ids = (0..<100).map { Int32($0) }
    #expect(Windows.consecutive(ids, length: 30).map(\.first) == [0, 30, 60])
    #expect(Windows.consecutive(ids, length: 30, limit: 2).count == 2)
    #expect(
      Windows.consecutive(ids, length: 101).isEmpty && Windows.consecutive(ids, length: 0).isEmpty)
    let drawn = Windows.random(ids, length: 10, count: 500, seed: 1)
    #expect(drawn == Windows.random(ids, length: 10, count: 500, seed: 1))
    #expect(drawn != Windows.random(ids, length: 10, count: 500, seed: 2))
    #expect(drawn.allSatisfy { $0.count == 10 && $0[9] == $0[0] + 9 })
    // Nearly all of the 91 positions are drawn, the last one included: an outcome of seed 1.
    #expect(Set(drawn.map { $0[0] }).count > 80 && drawn.contains { $0[9] == 99 })
    #expect(Windows.random(ids, length: 100, count: 2, seed: 3) == [ids, ids])
    #expect(Windows.random(ids, length: 101, count: 2, seed: 3).isEmpty)
  }
}
