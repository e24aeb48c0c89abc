import Bytes

/// A numerical event of a stage: a raised damping, dead columns, a clipped gradient.
public struct EventRecord: Sendable, Equatable {
  /// The stage's name.
  public var stage: String
  /// The tensor concerned; nil where none is.
  public var tensor: String?
  /// The kind of event, a fixed word: "damping-raised", "dead-columns" …
  public var kind: String
  /// Numbers and words that belong to it.
  public var detail: JSONObject

  /// An event of the kind `kind` in the stage `stage`.
  public init(stage: String, tensor: String? = nil, kind: String, detail: JSONObject = [:]) {
    self.stage = stage
    self.tensor = tensor
    self.kind = kind
    self.detail = detail
  }

  /// The record as JSON.
  public var json: JSON {
    var object: JSONObject = [
      "stage": .string(stage), "kind": .string(kind), "detail": .object(detail),
    ]
    object["tensor"] = tensor.map { .string($0) }
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    stage = try json.required("stage", as: String.self)
    kind = try json.required("kind", as: String.self)
    detail = try json.required("detail", as: JSONObject.self)
    tensor = try json["tensor"] == nil ? nil : json.required("tensor", as: String.self)
  }
}
