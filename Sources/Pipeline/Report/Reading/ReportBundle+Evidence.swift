import BundleFormat
import Bytes

/// Evidence records as a report shows them. Parts that not every version of the program knows (paired
/// ratios, divergences, tasks) are read from the records' JSON, so that a page shows what is there.
extension ReportBundle {
  /// Adds the measurements of `records`.
  ///
  /// - Parameter tokenizer: the digest of the bundle's tokenizer, for records without one.
  mutating func add(
    _ records: [EvidenceRecord], tokenizer: SHA256Digest?, in protocols: inout ReportProtocols
  ) {
    var places: [Int: Int] = [:]
    for record in records {
      let json = record.json
      guard let subject = ReportSubject(record) else { continue }
      let isOther =
        record.model == "compressed" && record.modelDigest.map { $0 != weights } ?? false
      if let task = json["task"], task.object != nil {
        // Results of other weights have no column.
        guard !isOther else { continue }
        let entry = ReportProtocol(task: task, record, json, tokenizer: tokenizer)
        let number = protocols.number(of: entry)
        let column = ReportTask.Column(subject, prompt: record.prompt, task)
        if places[number] == nil {
          places[number] = tasks.count
          tasks.append(ReportTask(name: entry.text, protocol: number, columns: []))
          for (role, file) in task["files"]?.object ?? [:] {
            tasks[tasks.count - 1].files[role] = file.reportDigest("sha256")
          }
        }
        guard let place = places[number] else { continue }
        tasks[place].columns.append(column)
        tasks[place].flips += ReportTask.flips(task, subject, metric: column.metrics.first?.name)
        continue
      }
      func entry(_ kind: ReportProtocol.Kind) -> ReportProtocol {
        ReportProtocol(
          kind, id: record.protocol, text: record.text, textDigest: record.textDigest,
          tokenizer: json.reportDigest("tokenizer_sha256") ?? tokenizer, windows: record.windows,
          scored: record.scoredTokens, available: record.tokens,
          arithmetic: json["arithmetic"]?.string ?? "float32")
      }
      scores.append(
        ReportScore(
          subject, prompt: record.prompt, rule: record.choice?.rule,
          perplexity: ReportValue(record.ppl, error: record.pplStandardError),
          ratio: json["ratio"]?.double.map { ReportValue($0, error: json["ratio_se"]?.double) },
          divergence: ReportDivergence(json["divergence"]),
          protocol: protocols.number(of: entry(.perplexity)), isOfOtherWeights: isOther))
      // Opening a bundle has checked the record.
      guard !isOther, let similarity = (try? record.similarity()) ?? nil else { continue }
      let number = protocols.number(of: entry(.similarity))
      let condition = record.prompt.map { "prompt \($0)" } ?? ReportSimilarity.withoutPrompt
      for (quantity, values) in [
        ("attention maps", similarity.attention), ("activations", similarity.activations),
      ] {
        similarities.append(
          ReportSimilarity(
            quantity: quantity, condition: condition, values: values, protocol: number))
      }
    }
  }
}

extension ReportSubject {
  /// The measured model and prompt; nil for models that a report has no place for.
  fileprivate init?(_ record: EvidenceRecord) {
    switch (record.model, record.prompt) {
    case ("full", nil): self = .full
    case ("full", _): self = .fullWithPrompt
    case ("compressed", nil): self = .compressed
    case ("compressed", _): self = .compressedWithPrompt
    default: return nil
    }
  }
}

extension ReportDivergence {
  /// Far more than are measured.
  private static let mostPercentiles = 100

  /// The divergence of an evidence record; nil where it has none, or none with a mean.
  fileprivate init?(_ json: JSON?) {
    guard let json, let kl = json["kl"], let mean = ReportValue(kl["mean"]) else { return nil }
    var percentiles: [(percent: Double, value: Double)] = []
    for (key, value) in (kl["percentiles"]?.object ?? [:]).prefix(Self.mostPercentiles) {
      if let percent = Double(key), let value = ReportValue(value)?.value {
        percentiles.append((percent, value))
      }
    }
    self.init(
      mean: mean, maximum: kl["max"]?.double,
      percentiles: percentiles.sorted { $0.percent < $1.percent },
      sameTop: ReportValue(json["same_top"]), meanDelta: ReportValue(json["dp"]?["mean"]),
      rmsDelta: ReportValue(json["dp_rms"]))
  }
}

extension ReportValue {
  /// A number with its error, as `{"value": …, "se": …}` or with `stderr`, or a number alone.
  fileprivate init?(_ json: JSON?) {
    guard let json, let value = json.double ?? json["value"]?.double else { return nil }
    self.init(value, error: json["se"]?.double ?? json["stderr"]?.double)
  }
}

extension ReportProtocol {
  /// The protocol of a task's results.
  fileprivate init(
    task: JSON, _ record: EvidenceRecord, _ json: JSON, tokenizer: SHA256Digest?
  ) {
    let shots = task["num_fewshot"]?.int ?? 0
    self.init(
      .task, id: record.protocol + (shots == 0 ? "" : ", \(shots) examples"),
      text: task["name"]?.string ?? record.text, textDigest: record.textDigest,
      tokenizer: json.reportDigest("tokenizer_sha256") ?? tokenizer,
      scored: task["rows_seen"]?.int ?? record.windows, available: task["rows_total"]?.int,
      arithmetic: json["arithmetic"]?.string ?? "float32")
  }
}

extension ReportTask.Column {
  fileprivate init(_ subject: ReportSubject, prompt: String?, _ task: JSON) {
    var metrics: [(name: String, value: ReportValue)] = []
    for (name, value) in task["metrics"]?.object ?? [:] {
      if let value = ReportValue(value) { metrics.append((name, value)) }
    }
    // The canonical form of a document sorts its keys: "acc" comes before "acc_norm".
    let p = task["flips"]?.array?.first { $0["metric"]?.string == metrics.first?.name }?["p"]?
      .double
    self.init(subject, prompt: prompt, metrics: metrics, mcNemar: p)
  }
}

extension ReportTask {
  /// The changed answers under the metric `metric`.
  fileprivate static func flips(_ task: JSON, _ subject: ReportSubject, metric: String?) -> [Flip] {
    let all = task["flips"]?.array ?? []
    guard let own = all.first(where: { $0["metric"]?.string == metric }) ?? all.first else {
      return []
    }
    let keys: [(Direction, String)] = [
      (.rightToWrong, "right_to_wrong"), (.wrongToRight, "wrong_to_right"),
      (.wrongToWrong, "wrong_to_wrong"),
    ]
    return keys.flatMap { direction, key in
      (own[key]?.array ?? []).compactMap { item in
        item[0]?.int.map {
          Flip(direction, subject, row: $0, before: Answer(item[1]), after: Answer(item[2]))
        }
      }
    }
  }
}

extension ReportTask.Answer {
  fileprivate init?(_ json: JSON?) {
    switch json {
    case .bool(let isLikeliest)?: self = .text(isLikeliest ? "the likeliest text" : "another text")
    case .string(let text)?: self = .text(text)
    default:
      guard let index = json?.int else { return nil }
      self = .choice(index)
    }
  }
}

extension JSON {
  /// The digest under `key`; nil where there is none.
  fileprivate func reportDigest(_ key: String) -> SHA256Digest? {
    self[key]?.string.flatMap { SHA256Digest(hex: $0) }
  }
}
