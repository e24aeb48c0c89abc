import Bytes

/// A model's results on a task: rows with questions, whose answers are right or wrong.
public struct TaskRecord: Sendable, Equatable {
  /// A number with its standard error.
  public struct Estimate: Sendable, Equatable {
    /// The number.
    public var value: Double
    /// Its standard error, ≥ 0.
    public var standardError: Double
    /// `value` ± `standardError`.
    public init(value: Double, standardError: Double) {
      self.value = value
      self.standardError = standardError
    }
  }

  /// A file that the results depend on.
  public struct File: Sendable, Equatable {
    /// Its name, without a path.
    public var name: String
    /// SHA-256 of its content.
    public var sha256: SHA256Digest
    /// The file `name` with the digest `sha256`.
    public init(name: String, sha256: SHA256Digest) {
      self.name = name
      self.sha256 = sha256
    }
  }

  /// Name of the task.
  public var name: String
  /// Examples before each question, ≥ 0.
  public var shots: Int
  /// Rows that were answered: the first ones of the file.
  public var seen: Int
  /// Rows of the file.
  public var total: Int
  /// Rows whose context was cut from the left to fit the model.
  public var truncated: Int
  /// The metrics by name, in the task's order: "acc", "acc_norm", "exact_match" (shares of the rows),
  /// "perplexity".
  public var metrics: [(name: String, estimate: Estimate)]
  /// The files by role: "task", "rows", "labels", "fewshot".
  public var files: [(role: String, file: File)]
  /// Comparisons with another model on the same rows, one per share; empty without one.
  public var flips: [TaskFlipsRecord]

  /// The results of the first `seen` of `total` rows of the task `name`.
  public init(
    name: String, shots: Int, seen: Int, total: Int, truncated: Int,
    metrics: [(name: String, estimate: Estimate)], files: [(role: String, file: File)],
    flips: [TaskFlipsRecord] = []
  ) {
    self.name = name
    self.shots = shots
    self.seen = seen
    self.total = total
    self.truncated = truncated
    self.metrics = metrics
    self.files = files
    self.flips = flips
  }

  /// The value of the metric `name`; nil if it wasn't measured.
  public func metric(_ name: String) -> Estimate? {
    metrics.first { $0.name == name }?.estimate
  }

  /// Whether both are equal, in any order of metrics and files.
  public static func == (a: TaskRecord, b: TaskRecord) -> Bool { a.json == b.json }

  /// The record as JSON.
  public var json: JSON {
    var numbers = JSONObject()
    for (name, estimate) in metrics {
      numbers[name] = [
        "value": .number(estimate.value), "stderr": .number(estimate.standardError),
      ]
    }
    var sources = JSONObject()
    for (role, file) in files {
      sources[role] = ["name": .string(file.name), "sha256": .string(file.sha256.hex)]
    }
    var object: JSONObject = [
      "name": .string(name), "num_fewshot": JSON(shots), "rows_seen": JSON(seen),
      "rows_total": JSON(total), "truncated": JSON(truncated), "metrics": .object(numbers),
      "files": .object(sources),
    ]
    if !flips.isEmpty { object["flips"] = .array(flips.map(\.json)) }
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    name = try json.required("name", as: String.self)
    shots = try json.required("num_fewshot", as: Int.self)
    seen = try json.required("rows_seen", as: Int.self)
    total = try json.required("rows_total", as: Int.self)
    truncated = try json.required("truncated", as: Int.self)
    guard shots >= 0, seen >= 1, total >= seen, truncated >= 0, truncated <= seen else {
      throw Failure(.invalidData, at: "key \"rows_seen\"", "a number of rows that can't be")
    }
    metrics = []
    let numbers = try json.required("metrics", as: JSONObject.self)
    for name in numbers.keys {
      let one = try JSON.object(numbers).required(name)
      let estimate = Estimate(
        value: try one.required("value", as: Double.self),
        standardError: try one.required("stderr", as: Double.self))
      let isShare = name != "perplexity"
      guard estimate.standardError >= 0, estimate.value >= 0, !isShare || estimate.value <= 1 else {
        throw Failure(.invalidData, at: "key \"\(name)\"", "a metric that can't be")
      }
      metrics.append((name, estimate))
    }
    files = []
    let sources = try json.required("files", as: JSONObject.self)
    for role in sources.keys {
      let one = try JSON.object(sources).required(role)
      guard let digest = try one.digest("sha256") else {
        throw Failure(.invalidData, at: "key \"sha256\"", "is missing")
      }
      files.append((role, File(name: try one.required("name", as: String.self), sha256: digest)))
    }
    flips = []
    if let list = json["flips"] {
      guard let array = list.array else {
        throw Failure(
          .invalidData, at: "key \"flips\"", "expected an array, found \(list.kindName)")
      }
      for one in array { flips.append(try TaskFlipsRecord(json: one)) }
    }
    guard flips.allSatisfy({ $0.changed <= seen }) else {
      throw Failure(.invalidData, at: "key \"flips\"", "more flips than rows")
    }
  }
}
