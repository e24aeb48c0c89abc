import BundleFormat
import Bytes
import Pipeline
import TestSupport
import Testing
import Yams

/// Model cards, bills of materials and provenance statements of a bundle, and what they say of it.
@Suite struct BundleDescriptionTests {
  let folder: TemporaryFolder
  let sample: DescribedBundle

  init() throws {
    folder = try TemporaryFolder()
    sample = try DescribedBundle(folder)
  }

  private func description(
    licence: String? = nil, base: String? = nil, builder: String? = nil, of file: String? = nil
  ) throws -> BundleDescription {
    var statements = BundleDescription.Statements()
    (statements.licence, statements.baseModel, statements.builder) = (licence, base, builder)
    return try BundleDescription(path: file ?? sample.path, statements: statements)
  }

  /// The head of a card, read by a YAML parser that isn't ours.
  private func head(of card: String) throws -> [String: Any] {
    let parts = card.split(separator: "---\n", maxSplits: 2, omittingEmptySubsequences: false)
    #expect(parts.count == 3 && parts[0].isEmpty)
    return try #require(try Yams.load(yaml: String(parts[1])) as? [String: Any])
  }

  @Test func theHeadOfACardIsWhatHubsRead() throws {
    let card = ModelCard(try description(licence: "Apache-2.0", base: "lab/base")).text
    let head = try head(of: card)
    #expect(head["license"] as? String == "apache-2.0")
    #expect(head["base_model"] as? String == "lab/base")
    #expect(head["base_model_relation"] as? String == "quantized")
    #expect(head["library_name"] as? String == "ctpack")
    #expect(head["pipeline_tag"] as? String == "text-generation")
    #expect(head["tags"] as? [String] == ["ctpack", "4-bit", "gptq", "soft-prompt"])
    let index = try #require(head["model-index"] as? [[String: Any]])
    #expect(index.count == 1 && index[0]["name"] as? String == "small")
    let results = try #require(index[0]["results"] as? [[String: Any]])
    // Those of the full model and of other weights aren't results of this file.
    #expect(results.count == 2)
    for (result, (value, prompt)) in zip(results, [(20.5, "none"), (12.25, sample.prompt)]) {
      #expect((result["task"] as? [String: Any])?["type"] as? String == "text-generation")
      #expect((result["dataset"] as? [String: Any])?["name"] as? String == sample.text)
      let metrics = try #require(result["metrics"] as? [[String: Any]])
      #expect(metrics.count == 1 && metrics[0]["type"] as? String == "perplexity")
      #expect(metrics[0]["value"] as? Double == value)
      #expect((metrics[0]["name"] as? String)?.contains("ctp-64") == true)
      let arguments = try #require(metrics[0]["args"] as? [String: Any])
      #expect(arguments["protocol"] as? String == "ctp-64")
      #expect(arguments["prompt"] as? String == prompt)
      #expect(arguments["scored_tokens"] as? Int == 10)
      #expect(arguments["text_sha256"] as? String == sample.textDigest.hex)
    }
  }

  @Test func nothingIsStatedThatIsNotKnown() throws {
    let head = try self.head(of: ModelCard(try description()).text)
    #expect(head["license"] == nil)
    // A name that no hub has would make hubs refuse the card.
    #expect(head["base_model"] == nil && head["base_model_relation"] == nil)
    _ = try DescribedBundle(folder, baseName: "Base-1.5_b")
    let named = try self.head(of: ModelCard(try description()).text)
    #expect(named["base_model"] as? String == "Base-1.5_b")
    let bare = try sample.writeBare("bare.ctpack")
    let card = ModelCard(try description(of: bare)).text
    let bareHead = try self.head(of: card)
    #expect(bareHead["base_model"] == nil && bareHead["base_model_relation"] == nil)
    #expect(bareHead["model-index"] == nil)
    #expect(card.contains("records no measurement") && card.contains("doesn't record what"))
  }

  /// Every number of a card is in a row with its protocol, and other weights are named.
  @Test func everyNumberOfACardHasItsProtocol() throws {
    let card = ModelCard(try description()).text
    for number in ["10.00 ± 0.50", "20.50 ± 0.50", "12.25 ± 0.50", "99.00 ± 0.50"] {
      let row = try #require(card.split(separator: "\n").first { $0.contains(number) })
      #expect(row.contains("| ctp-64 |"), "\(row)")
      #expect(row.contains("| 1 | 10 | float32 |"), "\(row)")
      #expect(row.contains("other weights") == number.hasPrefix("99"), "\(row)")
    }
    for digest in [
      sample.fileDigest.hex, sample.textDigest.hex, sample.recipeDigest.hex, sample.base.hex,
    ] {
      #expect(card.contains("`\(digest)`"), "\(digest)")
    }
  }

  /// Names from files can't pass for markup, neither in the page nor in the head.
  @Test func namesAreNoMarkup() throws {
    let card = ModelCard(try description()).text
    let page = card.split(separator: "---\n", maxSplits: 2)[1]
    #expect(!page.contains(sample.text) && !page.contains("<b>"))
    #expect(page.contains("\\<b\\>"))
    #expect(!card.contains("\u{202E}") && !card.contains("\u{1B}"))
  }

  @Test func theSameFileGivesTheSameText() throws {
    for _ in 0..<3 {
      let again = try description()
      #expect(ModelCard(again).text == ModelCard(try description()).text)
      #expect(CycloneDXBill(again).json == CycloneDXBill(try description()).json)
      #expect(try SLSAStatement(again).json == SLSAStatement(description()).json)
    }
  }

  @Test func billsNameTheModelItsAncestorAndItsData() throws {
    let bill = CycloneDXBill(try description(licence: "Apache-2.0")).json
    #expect(bill["bomFormat"]?.string == "CycloneDX" && bill["specVersion"]?.string == "1.6")
    #expect(bill["metadata"]?["timestamp"] == nil)
    #expect(bill["metadata"]?["tools"]?["components"]?[0]?["name"]?.string == "ctpack")
    let model = try #require(bill["metadata"]?["component"])
    #expect(model["type"]?.string == "machine-learning-model")
    #expect(model["hashes"] == [["alg": "SHA-256", "content": .string(sample.fileDigest.hex)]])
    #expect(model["licenses"] == [["expression": "Apache-2.0"]])
    let ancestor = try #require(model["pedigree"]?["ancestors"]?[0])
    #expect(ancestor["name"]?.string == DescribedBundle.baseName)
    #expect(ancestor["components"]?[0]?["name"]?.string == "model.safetensors")
    #expect(ancestor["components"]?[0]?["hashes"]?[0]?["content"]?.string == sample.base.hex)
    let metrics = try #require(
      model["modelCard"]?["quantitativeAnalysis"]?["performanceMetrics"]?.array)
    #expect(metrics.map { $0["value"]?.string } == ["20.5", "12.25"])
    for metric in metrics {
      #expect(metric["slice"]?.string?.contains("protocol ctp-64") == true)
      #expect(metric["slice"]?.string?.contains(sample.textDigest.hex) == true)
    }
    #expect(metrics[0]["confidenceInterval"]?["lowerBound"]?.string == "19.52")
    let costs = model["modelCard"]?["considerations"]?["performanceTradeoffs"]?.array
    #expect(costs?.count == 2 && costs?[0].string?.contains("10.00 of the full model") == true)
    // The text of two roles is one component.
    let data = try #require(bill["components"]?.array)
    #expect(data.map { $0["name"]?.string } == ["train.txt", sample.text, "dev.txt"])
    let roles = data[0]["properties"]?.array?.map { $0["value"]?.string }
    #expect(roles == ["calibration", "training"])
    #expect(model["components"]?[0]?["name"]?.string == sample.prompt)
  }

  @Test func referencesInABillAreUniqueAndThere() throws {
    let bill = CycloneDXBill(try description()).json
    var defined: [String] = []
    func collect(_ value: JSON) {
      if let reference = value["bom-ref"]?.string { defined.append(reference) }
      for (_, member) in value.object ?? [:] { collect(member) }
      for item in value.array ?? [] { collect(item) }
    }
    collect(bill)
    #expect(Set(defined).count == defined.count && defined.count >= 7)
    for dependency in bill["dependencies"]?.array ?? [] {
      #expect(defined.contains(dependency["ref"]?.string ?? ""))
      for other in dependency["dependsOn"]?.array ?? [] {
        #expect(defined.contains(other.string ?? ""))
      }
    }
    let sets = bill["metadata"]?["component"]?["modelCard"]?["modelParameters"]?["datasets"]?.array
    #expect(sets?.count == 3)
    for set in sets ?? [] { #expect(defined.contains(set["ref"]?.string ?? "")) }
  }

  /// The serial number is a UUID of version 4 and variant 1, and another for another content.
  @Test func serialNumbersFollowFromTheContent() throws {
    let one = CycloneDXBill(try description()).json["serialNumber"]?.string ?? ""
    #expect(
      one.wholeMatch(
        of: /urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil,
      "\(one)")
    let other = CycloneDXBill(try description(licence: "MIT")).json["serialNumber"]?.string
    #expect(other != one)
  }

  @Test func statementsNameRecipeInputsAndBuilder() throws {
    let statement = try SLSAStatement(description(builder: "https://example.org/lab")).json
    #expect(statement["_type"]?.string == "https://in-toto.io/Statement/v1")
    #expect(statement["predicateType"]?.string == "https://slsa.dev/provenance/v1")
    #expect(
      statement["subject"] == [
        ["name": "small.ctpack", "digest": ["sha256": .string(sample.fileDigest.hex)]]
      ])
    let definition = try #require(statement["predicate"]?["buildDefinition"])
    #expect(definition["buildType"]?.string == SLSAStatement.buildType)
    #expect(definition["externalParameters"]?["recipe"]?["name"]?.string == "sample")
    #expect(definition["externalParameters"]?["edited_since_build"] == false)
    let inputs = try #require(definition["resolvedDependencies"]?.array)
    #expect(
      inputs.map { $0["name"]?.string }
        == ["ctpack", "model.safetensors", "recipe", "train.txt", sample.text, "dev.txt"])
    for input in inputs.dropFirst() {
      #expect(input["digest"]?["sha256"]?.string.flatMap { SHA256Digest(hex: $0) } != nil)
    }
    let details = try #require(statement["predicate"]?["runDetails"])
    #expect(details["builder"]?["id"]?.string == "https://example.org/lab")
    #expect(details["metadata"]?["invocationId"]?.string?.hasPrefix("compress:") == true)
    #expect(details["byproducts"]?.array?.map { $0["name"]?.string } == ["ledger", "evidence"])
    let plain = try SLSAStatement(description()).json
    #expect(
      plain["predicate"]?["runDetails"]?["builder"]?["id"]?.string == "pkg:generic/ctpack@0.0.9")
  }

  @Test func aBundleWithoutABuildHasNoStatement() throws {
    let bare = try sample.writeBare("bare.ctpack")
    let error = #expect(throws: Failure.self) { try SLSAStatement(description(of: bare)) }
    #expect(error?.kind == .invalidData && error?.finding.contains("no provenance") == true)
  }

  @Test func aDamagedBundleIsNotDescribed() throws {
    var bytes = try folder.read("small.ctpack")
    bytes[bytes.count - 300] ^= 1
    let path = try folder.write("damaged.ctpack", bytes)
    #expect(throws: Failure.self) { try description(of: path) }
  }

  @Test func impossibleStatementsAreRefused() throws {
    for licence in ["", "MIT\n", "a:b", "Ünl"] {
      let error = #expect(throws: Failure.self) { try description(licence: licence) }
      #expect(error?.kind == .usage, "\(licence)")
    }
    for base in ["", "a/b/c", "a b", "a/b\n"] {
      #expect(throws: Failure.self) { try description(base: base) }
    }
    for builder in ["", "lab", ":x", "http://a b", "ü:x"] {
      #expect(throws: Failure.self) { try description(builder: builder) }
    }
    #expect(throws: Never.self) { try description(licence: "(MIT OR Apache-2.0)") }
  }
}
