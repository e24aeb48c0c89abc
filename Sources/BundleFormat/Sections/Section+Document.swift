import Bytes

/// Limits of the memory that a document's text and values take.
extension Section {
  /// The memory that a document may take, decoded text and values together.
  var documentBudget: InputBudget {
    codec == .none ? InputBudget(text: storedSize) : InputBudget(compressed: storedSize)
  }

  /// The memory that is left for a document's values beside its decoded text.
  ///
  /// - Throws: `invalidData` if the text alone takes more than the document may.
  func valueBudget() throws(Failure) -> InputBudget {
    var budget = documentBudget
    if codec != .none { try budget.take(rawSize) }
    return budget
  }
}

extension SectionContent {
  /// The document's JSON value, within the memory that the section may take.
  ///
  /// - Throws: `invalidData` where it isn't JSON, or would take more.
  func json() throws(Failure) -> JSON {
    var budget = try section.valueBudget()
    return try JSON(parsing: bytes, budget: &budget)
  }

  /// The document's JSON value, which must be written in canonical form.
  ///
  /// - Throws: `invalidData` where it isn't.
  func canonicalJSON() throws(Failure) -> JSON {
    let value = try json()
    guard value.isCanonical(bytes) else {
      throw Failure(.invalidData, "its JSON isn't canonical")
    }
    return value
  }
}
