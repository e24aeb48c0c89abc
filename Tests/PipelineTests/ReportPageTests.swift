import Bytes
import Foundation
import Pipeline
import Testing

/// The page of a report: sound markup, links that lead somewhere, numbers as they were measured.
@Suite struct ReportPageTests {
  /// Pages with every view, of one bundle, and of a bundle that records nothing.
  static let samples: [ReportData] = {
    let all = SampleReport.data
    var one = all
    one.bundles = [all.bundles[0]]
    let bare = ReportBundle(
      name: "bare", digest: SampleReport.digest("a"), weights: SampleReport.digest("b"),
      fileBytes: 0, parameters: 0, bitsPerWeight: 0)
    return [all, one, ReportData(programVersion: "0", bundles: [bare])]
  }()

  @Test(arguments: samples.indices) func pageIsWellFormed(_ index: Int) throws {
    let page = try PageParser(ReportPage(Self.samples[index]).text)
    #expect(page.all("html").count == 1 && page.all("h1").count == 1)
    #expect(page.all("script").count == 2)
    #expect(!page.values("id").isEmpty)
    #expect(Set(page.values("id")).count == page.values("id").count, "an id stands for one element")
    #expect(page.all("caption").count == page.all("table").count)
  }

  @Test func pageLoadsNothing() throws {
    let text = ReportPage(SampleReport.data).text
    for word in ["http://", "https://", " src=", "@import", "<iframe", "<object", "<base"] {
      #expect(!text.contains(word), "\(word)")
    }
    let places = text.split(separator: "url(", omittingEmptySubsequences: false).dropFirst()
    #expect(!places.isEmpty && places.allSatisfy { $0.hasPrefix("#hatch)") })
    let page = try PageParser(text)
    let links = page.values("href")
    #expect(links.count > 100)
    #expect(links.allSatisfy { $0.hasPrefix("#") || $0 == "data:," })
    #expect(
      page.elements.allSatisfy { element in !element.attributes.keys.contains { $0.hasPrefix("on") }
      })
    // The policy names the one script that may run.
    let script = try #require(page.all("script").first { $0.attributes["type"] == nil })
    let digest = SHA256Digest(hashing: Array(script.text.utf8))
    let policy = try #require(
      page.all("meta").first { $0.attributes["http-equiv"] == "Content-Security-Policy" })
    let content = try #require(policy.attributes["content"])
    #expect(content.contains("default-src 'none'"))
    #expect(content.contains("script-src 'sha256-\(Base64.encode(digest.bytes))'"))
  }

  @Test(arguments: samples.indices) func everyLinkResolves(_ index: Int) throws {
    let page = try PageParser(ReportPage(Self.samples[index]).text)
    let ids = Set(page.values("id"))
    for link in page.values("href") where link.hasPrefix("#") {
      #expect(ids.contains(String(link.dropFirst())), "\(link)")
    }
  }

  @Test func everyNumberLeadsToItsProtocol() throws {
    let data = SampleReport.data
    let page = try PageParser(ReportPage(data).text)
    let numbers = page.all("a").filter { $0.attributes["class"] == "n" }
    #expect(numbers.count > 100)
    for number in numbers {
      let link = try #require(number.attributes["href"])
      let place = try #require(Int(link.dropFirst("#protocol-".count)), "\(link)")
      #expect((1...data.protocols.all.count).contains(place))
      // Its title names the protocol that it leads to.
      let entry = data.protocols[place]
      #expect(number.attributes["title"] == "protocol \(place): \(entry.id), \(entry.text)")
    }
    let rows = page.all("tr").filter { $0.attributes["id"]?.hasPrefix("protocol-") == true }
    #expect(rows.count == data.protocols.all.count)
    for (row, entry) in zip(rows, data.protocols.all) {
      #expect(row.text.contains(entry.id) && row.text.contains(entry.text))
    }
  }

  @Test func barsAreAsLongAsTheNumbers() throws {
    let bundle = SampleReport.data.bundles[0]
    let page = try PageParser(ReportPage(Self.samples[1]).text)
    let longest = 21.43 + 17.86 / 60 * 1.2
    let expected: [(subject: String, shown: Double, ratio: String?)] = [
      ("full", 17.86, nil), ("compressed", 21.43, "× 1.200"),
      ("compressed_prompt", 19.27, "× 1.079"), ("full_prompt", 17.36, "× 0.972"),
    ]
    for (subject, shown, ratio) in expected {
      let row = try #require(page.all("tr").first { $0.attributes["class"] == subject })
      #expect(row.text.contains(Figure.fixed(shown, 2)), "\(row.text)")
      if let ratio { #expect(row.text.contains(ratio), "\(row.text)") }
      let score = try #require(bundle.scores.first { $0.subject.rawValue == subject })
      #expect(abs(score.perplexity.value - shown) < 1e-9)
      let width = Figure.fixed(100 * shown / longest, 2) + "%"
      #expect(
        page.all("rect").contains {
          $0.attributes["width"] == width && $0.attributes["height"] == "16"
        }, "\(subject): \(width)")
    }
    let lead = try #require(page.all("p").first { $0.attributes["class"] == "lead" })
    #expect(
      lead.text
        == "smol-3bit stores SmolLM2-135M-Instruct in 74.0 MB, 0.28 of its size in float16; on "
        + "wikitext-test, the full model’s perplexity is 17.86, the compressed model’s is 21.43 "
        + "(1.200 times), and with the prompt wiki it is 19.27, which closes 60.5 % of the gap.")
  }

  @Test func changedAnswersHaveTheirTexts() throws {
    let page = try PageParser(ReportPage(SampleReport.data).text)
    let flips = page.all("article").filter { $0.attributes["class"] == "flip" }
    #expect(
      flips.map { $0.attributes["data-direction"] } == [
        "right_wrong", "wrong_right", "wrong_wrong",
      ])
    #expect(flips[0].text.contains("How do you keep <b>bread</b> & butter fresh?"))
    #expect(flips[0].text.contains("put it in a closed box ← ✓ right, full model"))
    #expect(flips[0].text.contains("leave it in the rain ← compressed"))
    #expect(flips[2].text.contains("full model: choice 0; compressed: choice 1"))
  }

  @Test func equalSettingsAreHidden() throws {
    let page = try PageParser(ReportPage(SampleReport.data).text)
    let rows = page.all("tr").filter { $0.attributes["hidden"] != nil }
    #expect(rows.count == 5)
    #expect(rows.contains { $0.text.hasPrefix("compression.group_size") })
    let shown = page.all("tr").filter { $0.attributes["hidden"] == nil }
    #expect(shown.contains { $0.text == "compression.bits342" })
  }

  @Test func promptsAreShownOnAllWeights() throws {
    let page = try PageParser(ReportPage(SampleReport.data).text)
    let map = try #require(page.all("table").first { $0.attributes["class"] == "heatmap" })
    #expect(map.text.hasPrefix("Change of the perplexity of wikitext-test (ctp-1024)"))
    let elsewhere = SampleReport.digest("elsewhere").hex.prefix(8)
    for text in ["wiki of smol-3bit", "wiki of smol-2bit-sparse", "weights \(elsewhere)"] {
      #expect(map.text.contains(text), "\(text)")
    }
    let cells = page.all("td").filter { $0.attributes["class"]?.hasPrefix("heat ") == true }
    #expect(cells.count == 3 * 4 - 1)
    let own = cells.filter { $0.attributes["class"]?.hasSuffix(" own") == true }
    #expect(own.map(\.text) == ["−12.0 % (own)", "−12.0 % (own)", "−12.0 % (own)"])
    #expect(own.allSatisfy { $0.attributes["class"] == "heat better3 own" }, "\(own)")
    #expect(own[0].attributes["title"] == "21.43 without, 18.86 with it")
  }

  @Test func tokensAreColouredByWhatTheyLost() throws {
    var data = SampleReport.data
    let tokens = [
      ReportTokens.Token("one"), .init(" two", full: 1, compressed: 1.7, prompted: 1.1),
      .init(" three", full: 3, compressed: 0.5, prompted: 0.55),
      .init(" four", full: 1, compressed: 1.05),
    ]
    data.bundles[0].tokens?.tokens = tokens
    let page = try PageParser(ReportPage(data).text)
    let text = try #require(page.all("p").first { $0.attributes["class"] == "token-text" })
    #expect(text.text == "one two three four")
    let spans = page.all("span").filter { $0.attributes["data-r"] != nil }
    #expect(spans.map { $0.attributes["data-l"] } == ["0", "2", "-4", "0"])
    #expect(spans.map { $0.attributes["data-r"] } == ["0", "2", "0", "0"])
    #expect(spans[1].attributes["title"] == "full 1.00, compressed 1.70, with prompt 1.10 nats")
    #expect(spans[0].attributes["title"] == "not scored")
  }

  /// The folder for pages that `make report-page` opens in a browser.
  private static let folder = ProcessInfo.processInfo.environment["CTPACK_REPORT_PAGES"]

  @Test(.enabled(if: folder != nil, "CTPACK_REPORT_PAGES names no folder (see `make report-page`)"))
  func pagesForABrowser() throws {
    let folder = try #require(Self.folder)
    try Folder.create(folder)
    let samples = Self.samples + [HostileReport.data]
    for (name, data) in zip(["all", "one", "bare", "hostile"], samples) {
      try AtomicFile.write(ReportPage(data).text, to: "\(folder)/\(name).html")
    }
  }

  /// Numbers at the ends of float64's range, which a bundle may hold, are drawn somewhere.
  @Test(arguments: [
    0, .leastNonzeroMagnitude, 1e300, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
  ])
  func anyNumberIsDrawn(_ value: Double) throws {
    var data = SampleReport.data
    var bundle = data.bundles[0]
    for index in bundle.scores.indices {
      bundle.scores[index].perplexity = ReportValue(
        max(.leastNonzeroMagnitude, value), error: value.magnitude)
      bundle.scores[index].ratio = ReportValue(value, error: value.magnitude)
      bundle.scores[index].divergence = ReportDivergence(
        mean: ReportValue(value, error: value.magnitude), maximum: value,
        percentiles: [(1, -value), (10, value), (50, 1), (90, value), (99, value)],
        sameTop: ReportValue(value, error: value), meanDelta: ReportValue(value, error: value))
    }
    for index in bundle.layers.indices {
      bundle.layers[index].error = index.isMultiple(of: 2) ? value : -value
    }
    bundle.prompts[0].curve?.points += [(13, value), (.max, -value), (.min, 1)]
    bundle.prompts[0].curve?.without = value
    bundle.prompts[0].validations[0].without = value
    bundle.similarities[0].values = [value, -value, 1]
    bundle.tokens?.tokens[3].full = value
    data.bundles = [bundle, data.bundles[1]]
    _ = try PageParser(ReportPage(data).text)
  }

  @Test func sameDataGiveTheSamePage() {
    #expect(ReportPage(SampleReport.data).text == ReportPage(SampleReport.data).text)
  }

  @Test func whatIsMissingIsNamed() throws {
    let page = try PageParser(ReportPage(Self.samples[2]).text)
    let lead = try #require(page.all("p").first { $0.attributes["class"] == "lead" })
    #expect(lead.text.hasSuffix("; its quality has not been measured."))
    let section = try #require(page.all("section").first { $0.attributes["id"] == "missing" })
    for word in ["Perplexities", "Divergence", "Tasks", "--against", "Learning", "Transfers"] {
      #expect(section.text.contains(word), "\(word)")
    }
    #expect(page.all("section").allSatisfy { $0.attributes["id"] != "divergence" })
  }
}
