import Bytes

/// One measured number and everything needed to measure it again.
public struct EvidenceRecord: Sendable, Equatable {
  /// Id of the evaluation protocol, e.g. "ctp-1024".
  public var `protocol`: String
  /// Name of the text, without a path.
  public var text: String
  /// SHA-256 of the text, if known.
  public var textDigest: SHA256Digest?
  /// SHA-256 of the tokenizer that made its tokens, if known.
  public var tokenizerDigest: SHA256Digest?
  /// Arithmetic of the matrix products, e.g. "bfloat16"; nil for float32.
  public var arithmetic: String?
  /// The model that was measured: "full", "compressed" …
  public var model: String
  /// The digest of those weights, where known.
  public var modelDigest: SHA256Digest?
  /// The prompt it was measured with; nil without one.
  public var prompt: String?
  /// exp of the mean negative log likelihood over scored tokens; finite, > 0.
  public var ppl: Double
  /// Standard error of `ppl`, ≥ 0.
  public var pplStandardError: Double
  /// Sum of the negative log likelihoods in nats.
  public var nll: Double
  /// Tokens whose likelihood counts.
  public var scoredTokens: Int
  /// Tokens of the text that were used, scored or not.
  public var tokens: Int
  /// Windows that the text was cut into.
  public var windows: Int
  /// Set where each window had its prompt chosen for it; `prompt` is "auto" then.
  public var choice: ChoiceRecord?
  /// The measurement over the targets after the first tokens of each window.
  public var rest: RestRecord?
  /// The perplexity's ratio to the full model's without a prompt.
  public var ratio: RatioRecord?
  /// The divergence from the full model without a prompt.
  public var divergence: DivergenceRecord?
  /// The results if a task was measured; the perplexity is that of its right answers then, or 1 over no
  /// tokens if answers are generated.
  public var task: TaskRecord?
  /// Members this version doesn't know; kept.
  public var other: JSONObject

  /// A perplexity `ppl` of the text `text` under the protocol `protocol`.
  public init(
    protocol: String, text: String, textDigest: SHA256Digest?,
    tokenizerDigest: SHA256Digest? = nil, arithmetic: String? = nil, model: String,
    modelDigest: SHA256Digest? = nil, prompt: String?, ppl: Double, pplStandardError: Double,
    nll: Double, scoredTokens: Int, tokens: Int, windows: Int,
    choice: ChoiceRecord? = nil, rest: RestRecord? = nil, ratio: RatioRecord? = nil,
    divergence: DivergenceRecord? = nil, task: TaskRecord? = nil, other: JSONObject = [:]
  ) {
    self.protocol = `protocol`
    self.text = text
    self.textDigest = textDigest
    self.tokenizerDigest = tokenizerDigest
    self.arithmetic = arithmetic
    self.model = model
    self.modelDigest = modelDigest
    self.prompt = prompt
    self.ppl = ppl
    self.pplStandardError = pplStandardError
    self.nll = nll
    self.scoredTokens = scoredTokens
    self.tokens = tokens
    self.windows = windows
    self.choice = choice
    self.rest = rest
    self.ratio = ratio
    self.divergence = divergence
    self.task = task
    self.other = other
  }

  /// The arithmetic of a record without the member `arithmetic`.
  public static let usualArithmetic = "float32"

  private static let known: Set<String> = RatioRecord.members.union([
    "protocol", "text", "text_sha256", "tokenizer_sha256", "arithmetic", "model", "model_sha256",
    "prompt", "ppl", "ppl_stderr", "nll", "scored_tokens", "tokens", "windows", "choice", "rest",
    "divergence", "task",
  ])

  /// The record as JSON.
  public var json: JSON {
    var object = other
    object["protocol"] = .string(`protocol`)
    object["text"] = .string(text)
    object["text_sha256"] = textDigest.map { .string($0.hex) }
    object["tokenizer_sha256"] = tokenizerDigest.map { .string($0.hex) }
    object["arithmetic"] = arithmetic.map { .string($0) }
    object["model"] = .string(model)
    object["model_sha256"] = modelDigest.map { .string($0.hex) }
    object["prompt"] = prompt.map { .string($0) } ?? .null
    object["ppl"] = .number(ppl)
    object["ppl_stderr"] = .number(pplStandardError)
    object["nll"] = .number(nll)
    object["scored_tokens"] = JSON(scoredTokens)
    object["tokens"] = JSON(tokens)
    object["windows"] = JSON(windows)
    object["choice"] = choice?.json
    object["rest"] = rest?.json
    ratio?.write(to: &object)
    object["divergence"] = divergence?.json
    object["task"] = task?.json
    return .object(object)
  }

  /// Whether every number of the measurement is finite. JSON has no others, so that no other
  /// measurement can be stored.
  public var isFinite: Bool {
    let metrics = (task?.metrics ?? []).flatMap { [$0.estimate.value, $0.estimate.standardError] }
    let numbers = [
      ppl, pplStandardError, nll, rest?.ppl ?? 0, ratio?.value ?? 0, ratio?.standardError ?? 0,
    ]
    return (numbers + metrics).allSatisfy(\.isFinite) && divergence?.isFinite ?? true
  }

  /// Checks that every number of the measurement is finite.
  /// - Throws: `invalidData` with the text and the prompt of the measurement.
  public func checkFinite() throws(Failure) {
    if isFinite { return }
    throw Failure(
      .invalidData, at: "text \"\(text)\"" + (prompt.map { " with prompt \"\($0)\"" } ?? ""),
      "the perplexity is not a finite number and can't be stored",
      advice: "check that the weights, the prompt and the text belong together")
  }

  /// Throws `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    self.protocol = try json.required("protocol", as: String.self)
    text = try json.required("text", as: String.self)
    textDigest = try json.digest("text_sha256")
    tokenizerDigest = try json.digest("tokenizer_sha256")
    arithmetic =
      try json["arithmetic"] == nil ? nil : json.required("arithmetic", as: String.self)
    model = try json.required("model", as: String.self)
    modelDigest = try json.digest("model_sha256")
    let prompt = try json.required("prompt")
    self.prompt = prompt.string
    guard prompt.isNull || prompt.string != nil else {
      throw Failure(.invalidData, at: "key \"prompt\"", "expected a string or null")
    }
    ppl = try json.required("ppl", as: Double.self)
    pplStandardError = try json.required("ppl_stderr", as: Double.self)
    nll = try json.required("nll", as: Double.self)
    scoredTokens = try json.required("scored_tokens", as: Int.self)
    tokens = try json.required("tokens", as: Int.self)
    windows = try json.required("windows", as: Int.self)
    guard ppl > 0, pplStandardError >= 0, scoredTokens >= 0, tokens >= scoredTokens, windows >= 0
    else {
      throw Failure(.invalidData, "a perplexity or a count that can't be")
    }
    choice = try json["choice"].map { (json) throws(Failure) in try ChoiceRecord(json: json) }
    rest = try json["rest"].map { (json) throws(Failure) in try RestRecord(json: json) }
    ratio = try RatioRecord(record: json)
    divergence = try json["divergence"].map { (json) throws(Failure) in
      do throws(Failure) {
        return try DivergenceRecord(json: json)
      } catch {
        throw Failure(
          .invalidData, at: "key \"divergence\"" + (error.place.map { ", " + $0 } ?? ""),
          error.finding)
      }
    }
    task = try json["task"].map { (json) throws(Failure) in try TaskRecord(json: json) }
    guard choice == nil || (choice?.windows == windows && self.prompt != nil) else {
      throw Failure(
        .invalidData, at: "key \"choice\"", "its prompts' windows are not those of the measurement")
    }
    guard rest?.scoredTokens ?? 0 <= scoredTokens else {
      throw Failure(.invalidData, at: "key \"rest\"", "more tokens than were scored")
    }
    other = [:]
    for (key, value) in json.object ?? [:] where !Self.known.contains(key) { other[key] = value }
  }
}
