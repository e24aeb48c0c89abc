import BundleFormat
import Bytes
import TestSupport
import Testing

/// The command report: a page on bundles and work folders, and what it refuses.
@Suite struct ReportCommandTests {
  /// Two finished builds, made once.
  private static let built: Result<(small: [UInt8], four: [UInt8]), any Error> = Result {
    let shop = try Workshop()
    let run = try shop.ctpack("run", "small.yaml", "--out", "small.ctpack")
    #expect(run.status == 0, "\(run.errors)")
    try shop.folder.write("four.yaml", Workshop.recipe(bits: 4))
    let other = try shop.ctpack("run", "four.yaml", "--out", "four.ctpack")
    #expect(other.status == 0, "\(other.errors)")
    return (try shop.folder.read("small.ctpack"), try shop.folder.read("four.ctpack"))
  }

  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws {
    shop = try Workshop()
    try shop.folder.write("small.ctpack", Self.built.get().small)
    try shop.folder.write("four.ctpack", Self.built.get().four)
  }

  private func page(_ name: String) throws -> String {
    String(decoding: try folder.read(name), as: UTF8.self)
  }

  @Test func pageHasTheMeasuredNumbers() throws {
    let made = try ctpack("report", "small.ctpack", "four.ctpack", "--out", "a.html", "--json")
    #expect(made.status == 0, "\(made.errors)")
    let data = made.json
    #expect(data["inputs"]?.array?.compactMap { $0["name"]?.string } == ["small", "four"])
    for (index, name) in ["small.ctpack", "four.ctpack"].enumerated() {
      let inspected = try ctpack("inspect", name, "--json").json
      let evidence = try #require(inspected["evidence"]?.array)
      #expect(evidence.count == 8)
      let shown = try #require(data["inputs"]?[index]?["perplexities"]?.array)
      #expect(shown.map { $0["ppl"]?["value"] } == evidence.map { $0["ppl"] })
      #expect(shown.map { $0["ppl"]?["stderr"] } == evidence.map { $0["ppl_stderr"] })
      #expect(data["inputs"]?[index]?["digest"] == inspected["digest"])
      let protocols = try #require(data["protocols"]?.array)
      for (number, record) in zip(shown, evidence) {
        let place = try #require(number["protocol"]?.int)
        let entry = try #require(protocols.indices.contains(place - 1) ? protocols[place - 1] : nil)
        #expect(entry["protocol"] == record["protocol"])
        #expect(entry["text_sha256"] == record["text_sha256"])
        #expect(entry["scored"] == record["scored_tokens"])
        #expect(entry["windows"] == record["windows"])
      }
    }
    let text = try page("a.html")
    #expect(text.hasPrefix("<!DOCTYPE html>") && text.hasSuffix("</html>\n"))
    #expect(text.contains("compression.linear.bits"), "the setting that differs")
    for word in ["http://", "https://", " src=", "@import"] { #expect(!text.contains(word)) }
    // The page has no time and no place of files in it.
    #expect(!text.contains(folder.path))
    let again = try ctpack("report", "small.ctpack", "four.ctpack", "--out", "a.html")
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.output.contains("a.html: 2 bundles, 16 perplexities"), "\(again.output)")
    #expect(try page("a.html") == text)
  }

  @Test func workFolderIsItsBundle() throws {
    try folder.write("four.yaml", Workshop.recipe(bits: 4))
    let run = try ctpack("run", "four.yaml", "--out", "new.ctpack", "--work", "small.work")
    #expect(run.status == 0, "\(run.errors)")
    let made = try ctpack("report", "small.work", "small.ctpack", "--out", "w.html", "--json")
    #expect(made.status == 0, "\(made.errors)")
    let built = try ctpack("inspect", "new.ctpack", "--json").json["digest"]
    #expect(built != nil && made.json["inputs"]?[0]?["digest"] == built)
    // Both are called small, and are told apart.
    let names = made.json["inputs"]?.array?.compactMap { $0["name"]?.string } ?? []
    #expect(names.count == 2 && Set(names).count == 2, "\(names)")
    let twice = try ctpack("report", "small.work", "new.ctpack", "--out", "twice.html")
    #expect(twice.status == 64 && twice.errors.contains("same content"), "\(twice.errors)")
    #expect(!folder.names.contains("twice.html"))
  }

  @Test func unfinishedBuildHasNoBundle() throws {
    #expect(try ctpack("run", "small.yaml", "--work", "half.work", "--until", "import").status == 0)
    let made = try ctpack("report", "half.work", "--out", "half.html")
    #expect(made.status == 66, "\(made.errors)")
    #expect(made.errors.contains("half.work") && made.errors.contains("no finished bundle"))
    #expect(!folder.names.contains("half.html"))
  }

  @Test func tokensAreScored() throws {
    let made = try ctpack(
      "report", "small.ctpack", "--out", "t.html", "--against", "model", "--text", "test.txt")
    #expect(made.status == 0, "\(made.errors)")
    let text = try page("t.html")
    #expect(text.contains("What each token lost"))
    #expect(text.contains("511 of 1,129 tokens"), "the first window of the text")
    let without = try ctpack("report", "small.ctpack", "--out", "p.html")
    #expect(without.status == 0)
    #expect(try !page("p.html").contains("What each token lost"))
    #expect(try page("p.html").contains("--against and --text"))
    for half in [["--against", "model"], ["--text", "test.txt"]] {
      let result = try ctpack.run(["report", "small.ctpack", "--out", "h.html"] + half)
      #expect(result.status == 64 && result.errors.contains("go together"), "\(result.errors)")
    }
    try folder.write("short.txt", "")
    let short = try ctpack(
      "report", "small.ctpack", "--out", "h.html", "--against", "model", "--text", "short.txt")
    #expect(short.status != 0 && short.status != 70, "\(short.errors)")
    #expect(!folder.names.contains("h.html"))
  }

  /// Changed answers with the texts of the rows, which must be those of the measurement.
  @Test func changedAnswersHaveTheirTexts() throws {
    let rows = (0..<40).map { index in
      let texts = (0..<3).map { TinyCheckpoint.text(words: 3 + $0, seed: UInt64(3 * index + $0)) }
      return JSON.object([
        "ask": .string("question \(index + 1) & <b> " + texts[0]), "options": JSON(texts),
        "gold": JSON(index % 3),
      ]).canonicalText + "\n"
    }
    try folder.write("rows.jsonl", rows.joined())
    let task = """
      task: quiz
      dataset_path: rows.jsonl
      output_type: multiple_choice
      doc_to_text: ask
      doc_to_choice: options
      doc_to_target: gold

      """
    try folder.write("quiz.yaml", task)
    try folder.write("tasks.yaml", Workshop.recipe(bits: 2) + "\ntasks: [{task: quiz.yaml}]\n")
    let run = try ctpack("run", "tasks.yaml", "--out", "tasks.ctpack")
    #expect(run.status == 0, "\(run.errors)")
    let made = try ctpack(
      "report", "tasks.ctpack", "--out", "f.html", "--task", "quiz.yaml", "--json")
    #expect(made.status == 0, "\(made.errors)")
    let flips = try #require(made.json["inputs"]?[0]?["tasks"]?[0]?["flips"]?.array)
    try #require(!flips.isEmpty, "2 bits change no answer")
    for flip in flips {
      let row = try #require(flip["row"]?.int)
      let expected = try JSON(parsing: rows[row - 1])
      #expect(flip["question"] == expected["ask"])
      #expect(flip["choices"] == expected["options"])
      #expect(flip["gold"] == expected["gold"])
    }
    let row = try #require(flips[0]["row"]?.int)
    #expect(try page("f.html").contains("question \(row) &amp; &lt;b&gt; "))
    // Without the file there are numbers alone.
    let without = try ctpack("report", "tasks.ctpack", "--out", "n.html", "--json")
    #expect(without.json["inputs"]?[0]?["tasks"]?[0]?["flips"]?.array?.count == flips.count)
    #expect(try !page("n.html").contains("question \(row) "))

    // Other rows, and a task that wasn't measured.
    try folder.write("rows.jsonl", (rows.dropLast() + [rows[0]]).joined())
    let other = try ctpack("report", "tasks.ctpack", "--out", "o.html", "--task", "quiz.yaml")
    #expect(other.status == 65 && other.errors.contains("rows.jsonl"), "\(other.errors)")
    try folder.write("rows.jsonl", rows.joined())
    let unused = try ctpack("report", "small.ctpack", "--out", "o.html", "--task", "quiz.yaml")
    #expect(
      unused.status == 64 && unused.errors.contains("no input was measured"), "\(unused.errors)")
    #expect(!folder.names.contains("o.html"))
  }

  @Test func whatIsNoBundleIsNamed() throws {
    for (input, status) in [("test.txt", 65), ("model", 65), ("model/config.json", 65), ("no", 66)]
    {
      let made = try ctpack("report", "small.ctpack", input, "--out", "x.html")
      #expect(made.status == Int32(status), "\(input): \(made.errors)")
      #expect(made.errors.contains("ctpack: \(input): "), "\(made.errors)")
      #expect(!folder.names.contains("x.html"))
    }
    #expect(try ctpack("report", "--out", "x.html").status == 64)
    #expect(try ctpack("report", "small.ctpack").status == 64)
  }

  @Test func damagedBundleGivesNoPage() throws {
    var bytes = try folder.read("small.ctpack")
    let bundle = try ModelBundle(bytes: ByteSlice(bytes), name: "memory")
    let norm = try #require(bundle.section(.tensorDense, named: "model.norm.weight"))
    bytes[norm.offset + 1] ^= 1
    try folder.write("bad.ctpack", bytes)
    let audit = try ctpack("inspect", "bad.ctpack")
    let made = try ctpack("report", "small.ctpack", "bad.ctpack", "--out", "bad.html")
    #expect(audit.status == 65 && made.status == 65, "\(made.errors)")
    #expect(made.errors.contains("bad.ctpack"), "\(made.errors)")
    #expect(!folder.names.contains("bad.html"))
  }

  @Test func otherFilesAreKept() throws {
    let bundle = try folder.read("four.ctpack")
    let own = try ctpack("report", "four.ctpack", "--out", "four.ctpack")
    #expect(own.status == 64 && own.errors.contains("is an input"), "\(own.errors)")
    let other = try ctpack("report", "small.ctpack", "--out", "four.ctpack")
    #expect(other.status == 73 && other.errors.contains("no HTML page"), "\(other.errors)")
    #expect(try folder.read("four.ctpack") == bundle)
    let train = try folder.read("train.txt")
    #expect(try ctpack("report", "small.ctpack", "--out", "train.txt").status == 73)
    #expect(try folder.read("train.txt") == train)
    #expect(try ctpack("report", "small.ctpack", "--out", "model").status == 73)
    #expect(try ctpack("report", "small.ctpack", "--out", "no/such/folder/x.html").status == 73)
  }
}
