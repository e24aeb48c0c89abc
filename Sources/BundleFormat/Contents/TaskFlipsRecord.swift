import Bytes

/// The rows of a task that two models answer differently, with direction.
public struct TaskFlipsRecord: Sendable, Equatable {
  /// A row with both answers.
  public struct Item: Sendable, Equatable {
    /// The row's number, ≥ 1.
    public var row: Int
    /// The other model's answer: a choice's number from 0, whether a continuation's tokens are all the
    /// likeliest, or the beginning of a generated text.
    public var from: JSON
    /// This model's answer.
    public var to: JSON
    /// Row `row`, answered `from` by the other model and `to` by this one.
    public init(row: Int, from: JSON, to: JSON) {
      self.row = row
      self.from = from
      self.to = to
    }
  }

  /// The metric that judges the answers.
  public var metric: String
  /// The other model: "full", "compressed" … or a name.
  public var against: String
  /// McNemar's exact two-sided p-value, 0 … 1.
  public var pValue: Double
  /// Rows that the other model answers rightly and this one wrongly.
  public var rightToWrong: [Item]
  /// Rows that the other model answers wrongly and this one rightly.
  public var wrongToRight: [Item]
  /// Rows that both answer wrongly, and differently.
  public var wrongToWrong: [Item]

  /// The differences from the model `against` under `metric`.
  public init(
    metric: String, against: String, pValue: Double, rightToWrong: [Item], wrongToRight: [Item],
    wrongToWrong: [Item]
  ) {
    self.metric = metric
    self.against = against
    self.pValue = pValue
    self.rightToWrong = rightToWrong
    self.wrongToRight = wrongToRight
    self.wrongToWrong = wrongToWrong
  }

  /// Rows that are answered differently.
  public var changed: Int { rightToWrong.count + wrongToRight.count + wrongToWrong.count }

  /// The record as JSON.
  public var json: JSON {
    func list(_ items: [Item]) -> JSON {
      .array(items.map { [JSON($0.row), $0.from, $0.to] })
    }
    return [
      "metric": .string(metric), "against": .string(against), "p": .number(pValue),
      "right_to_wrong": list(rightToWrong), "wrong_to_right": list(wrongToRight),
      "wrong_to_wrong": list(wrongToWrong),
    ]
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    func list(_ key: String) throws(Failure) -> [Item] {
      var items: [Item] = []
      guard let array = try json.required(key).array else {
        throw Failure(.invalidData, at: "key \"\(key)\"", "expected an array")
      }
      for element in array {
        guard element.array?.count == 3, let row = element[0]?.int, row >= 1,
          let from = element[1], let to = element[2]
        else {
          throw Failure(
            .invalidData, at: "key \"\(key)\"", "expected a row with its two answers")
        }
        items.append(Item(row: row, from: from, to: to))
      }
      return items
    }
    metric = try json.required("metric", as: String.self)
    against = try json.required("against", as: String.self)
    pValue = try json.required("p", as: Double.self)
    guard pValue >= 0, pValue <= 1 else {
      throw Failure(.invalidData, at: "key \"p\"", "a p-value that can't be")
    }
    rightToWrong = try list("right_to_wrong")
    wrongToRight = try list("wrong_to_right")
    wrongToWrong = try list("wrong_to_wrong")
  }
}
