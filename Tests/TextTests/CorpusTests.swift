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

  @Test("a JSON array of rows is read like one row per line")
  func arrays() throws {
    let form = CorpusForm.documents(limit: nil, joiner: " ")
    let array = try corpus("[\n {\"text\": \"one\", \"id\": 1},\n {\"text\": \"two\"}\n]\n", form)
    #expect(array.text == "one two" && array.documents == 2)
    #expect(finding(Array("[{\"text\":\"a\"},{\"a\":1}]".utf8), form).hasPrefix("f: row 2: "))
    #expect(finding(Array("{\n\"text\": \"a\"\n}".utf8), form).contains("is one JSON object"))
  }

  @Test("the line ends of Windows are newlines to rows; a byte-order mark isn't text")
  func windowsText() throws {
    let unix = " \n = Title = \n \n Text one . \n"
    let windows = unix.split(separator: "\n", omittingEmptySubsequences: false)
      .joined(separator: "\r\n")
    for form in [CorpusForm.wikiTextRows, .pennTreebankRows] {
      #expect(try corpus("\u{FEFF}" + windows, form).text == corpus(unix, form).text)
    }
    #expect(try corpus("\u{FEFF}a\u{FEFF}", .plain).text == "a\u{FEFF}")
  }

  @Test("documents are recognised in a .json file, in lines or in an array")
  func jsonNames() throws {
    let folder = try TemporaryFolder()
    func text(_ name: String, _ content: String) throws -> String {
      try AtomicFile.write(Array(content.utf8), to: folder.file(name))
      return try Corpus.load(path: folder.file(name)).text
    }
    let rows = "{\"text\":\"a\",\"url\":\"u\"}\r\n{\"text\":\"b\"}\n"
    let array = "[{\"text\":\"a\"},{\"text\":\"b\"}]"
    for name in ["c4.json", "c4.jsonl", "c4.ndjson", "C4.JSON"] {
      for content in [rows, "\u{FEFF}" + rows, array] {
        #expect(try text(name, content) == "a b", "\(name)")
      }
    }
    // Plain text stays plain, whatever its name.
    #expect(try text("rows.txt", rows) == rows)
    #expect(try text("prose.json", "the [hare]\n") == "the [hare]\n")
    #expect(throws: Failure.self) { _ = try text("document.json", "{\"title\": \"a\"}") }
  }

  @Test("a file that isn't text is refused by what it is")
  func kinds() throws {
    let folder = try TemporaryFolder()
    func finding(_ bytes: [UInt8], _ name: String) throws -> String {
      try AtomicFile.write(bytes, to: folder.file(name))
      do {
        _ = try Corpus.load(path: folder.file(name))
        return "accepted"
      } catch {
        #expect(error.kind == .invalidData && error.file == folder.file(name))
        return "\(error.finding); \(error.advice ?? "")"
      }
    }
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    #expect(try finding(Array(pointer.utf8), "a.jsonl").contains("git lfs pull"))
    #expect(try finding(Array("<!doctype HTML>\n".utf8), "a.txt").contains("an HTML page"))
    #expect(try finding(Array("<!doctype HTML>\n".utf8), "a.html") == "accepted")
    #expect(try finding([0x1F, 0x8B, 8, 0], "a.jsonl").contains("gunzip"))
    #expect(try finding([0x28, 0xB5, 0x2F, 0xFD, 0], "a.json").contains("unzstd"))
    #expect(try finding([0xFF, 0xFE, 0x61, 0], "a.txt").contains("iconv -f UTF-16"))
    #expect(try finding(Array("PAR1".utf8) + [0x15], "a.txt").contains("Parquet"))
    #expect(try finding([], "a.txt").contains("empty"))
    #expect {
      _ = try Corpus.load(path: folder.path)
    } throws: { error in
      (error as? Failure)?.kind == .inputMissing && "\(error)".contains("is a folder")
    }
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
