import Bytes

/// How a prompt was chosen anew for every window of a measurement, and how often each one was.
public struct ChoiceRecord: Sendable, Equatable {
  /// What chose: "keys" (the first block's attention to routing keys), "attention" (that to prompts' rows),
  /// "random", "best-single" (one for all windows), "lowest-nll" (the first tokens' likelihood), "oracle"
  /// (the window's own result).
  public var rule: String
  /// How many tokens of a window decided, counted from its first; nil where all did or none.
  public var deciding: Int?
  /// Of the random numbers, where there were some.
  public var seed: Int?
  /// Windows per prompt, in the order of their names; those never chosen included.
  public var shares: [Share]

  public struct Share: Sendable, Equatable {
    public var prompt: String
    public var windows: Int
    public init(prompt: String, windows: Int) {
      self.prompt = prompt
      self.windows = windows
    }
  }

  public init(rule: String, deciding: Int? = nil, seed: Int? = nil, shares: [Share]) {
    self.rule = rule
    self.deciding = deciding
    self.seed = seed
    self.shares = shares
  }

  /// Windows of all prompts together.
  public var windows: Int { shares.reduce(0) { $0 + $1.windows } }

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

/// The part of a measurement that a choice could not look at: the targets behind the first tokens of
/// each window.
public struct RestRecord: Sendable, Equatable {
  /// The first target that belongs to it, counted within a window.
  public var from: Int
  public var ppl: Double
  public var scoredTokens: Int

  public init(from: Int, ppl: Double, scoredTokens: Int) {
    self.from = from
    self.ppl = ppl
    self.scoredTokens = scoredTokens
  }

  public var json: JSON {
    ["from": JSON(from), "ppl": .number(ppl), "scored_tokens": JSON(scoredTokens)]
  }

  public init(json: JSON) throws(Failure) {
    from = try json.required("from", as: Int.self)
    ppl = try json.required("ppl", as: Double.self)
    scoredTokens = try json.required("scored_tokens", as: Int.self)
    guard from >= 1, ppl > 0, scoredTokens >= 1 else {
      throw Failure(.invalidData, "a rest that can't be")
    }
  }
}
