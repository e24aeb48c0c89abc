import Bytes

/// The choice of a prompt for each window of a measurement: the rule, and how often each was
/// chosen.
public struct ChoiceRecord: Sendable, Equatable {
  /// The rule that chose: "keys" (the first block's attention to routing keys), "attention" (its
  /// attention to the prompts' rows), "random", "best-single" (one for all windows), "lowest-nll"
  /// (the first tokens' likelihood), "oracle" (the window's own result).
  public var rule: String
  /// The number of a window's first tokens that decided, ≥ 1; nil if all did, or none.
  public var deciding: Int?
  /// The seed of the random numbers; nil if there were none.
  public var seed: Int?
  /// Windows per prompt, in the order of their names; those never chosen included.
  public var shares: [Share]

  /// The windows that one prompt was chosen for.
  public struct Share: Sendable, Equatable {
    /// The prompt's name.
    public var prompt: String
    /// The number of windows, ≥ 0.
    public var windows: Int
    /// `windows` windows with the prompt `prompt`.
    public init(prompt: String, windows: Int) {
      self.prompt = prompt
      self.windows = windows
    }
  }

  /// A choice by `rule` among the prompts of `shares`.
  public init(rule: String, deciding: Int? = nil, seed: Int? = nil, shares: [Share]) {
    self.rule = rule
    self.deciding = deciding
    self.seed = seed
    self.shares = shares
  }

  /// Windows of all prompts together.
  public var windows: Int { shares.reduce(0) { $0 + $1.windows } }

  /// The record as JSON.
  public var json: JSON {
    var windows = JSONObject()
    for share in shares { windows[share.prompt] = JSON(share.windows) }
    var object: JSONObject = ["rule": .string(rule), "windows": .object(windows)]
    object["deciding"] = deciding.map { JSON($0) }
    object["seed"] = seed.map { JSON($0) }
    return .object(object)
  }

  /// Throws `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    rule = try json.required("rule", as: String.self)
    deciding = try json["deciding"] == nil ? nil : json.required("deciding", as: Int.self)
    seed = try json["seed"] == nil ? nil : json.required("seed", as: Int.self)
    shares = []
    let windows = try json.required("windows", as: JSONObject.self)
    var total = 0
    for name in windows.keys {
      let count = try JSON.object(windows).required(name, as: Int.self)
      guard count >= 0, count <= 1 << 40 else {
        throw Failure(.invalidData, at: "key \"\(name)\"", "a number of windows that can't be")
      }
      total += count
      shares.append(Share(prompt: name, windows: count))
    }
    guard !shares.isEmpty, deciding ?? 1 >= 1 else {
      throw Failure(.invalidData, at: "key \"windows\"", "a choice without prompts or tokens")
    }
  }
}

/// The part of a measurement that a choice has not seen: the targets after the first tokens of each
/// window.
public struct RestRecord: Sendable, Equatable {
  /// The first target that belongs to it, counted within a window.
  public var from: Int
  /// Perplexity over these targets.
  public var ppl: Double
  /// The number of these targets.
  public var scoredTokens: Int

  /// The perplexity over the targets from number `from` of each window on.
  public init(from: Int, ppl: Double, scoredTokens: Int) {
    self.from = from
    self.ppl = ppl
    self.scoredTokens = scoredTokens
  }

  /// The record as JSON.
  public var json: JSON {
    ["from": JSON(from), "ppl": .number(ppl), "scored_tokens": JSON(scoredTokens)]
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    from = try json.required("from", as: Int.self)
    ppl = try json.required("ppl", as: Double.self)
    scoredTokens = try json.required("scored_tokens", as: Int.self)
    guard from >= 1, ppl > 0, scoredTokens >= 1 else {
      throw Failure(.invalidData, "a rest that can't be")
    }
  }
}
