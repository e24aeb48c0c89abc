import Bytes

extension ModelBundle {
  /// The digests that signatures name.
  var signedContent: SignedContent { signedContentCache.content(sections) }

  /// The statement about a tree of this bundle that a key signs.
  /// - Throws: `invalidData` where a document that it depends on can't be read.
  func statement(
    _ tree: ContentTree, key: VerifyingKey, time: String? = nil
  ) throws(Failure) -> SignatureStatement {
    SignatureStatement(
      tree, of: signedContent,
      baseModel: tree == .weights ? try baseModelDigest : nil,
      prompts: tree == .evidence ? try promptsInEvidence : [], algorithm: key.algorithm,
      key: key.id, time: time)
  }

  /// The names of the prompts that the evidence was measured with, those of choices included, in
  /// ascending order.
  private var promptsInEvidence: [String] {
    get throws(Failure) {
      try signedContentCache.prompts { () throws(Failure) in try namesInEvidence() }
    }
  }

  private func namesInEvidence() throws(Failure) -> [String] {
    var object = JSONObject()
    for record in try evidence {
      if let prompt = record.prompt, record.choice == nil { object[prompt] = .null }
      for share in record.choice?.shares ?? [] { object[share.prompt] = .null }
    }
    return object.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The first fact of `statement` that isn't true of this bundle, as a clause; nil if all are. The
  /// documents that it names are read, which an edit needn't do.
  func contradiction(of statement: SignatureStatement) throws(Failure) -> String? {
    if let finding = signedContent.contradiction(of: statement) { return finding }
    switch statement.tree {
    case .weights:
      return try statement.baseModel == baseModelDigest
        ? nil : "it names another base model than the provenance"
    case .prompts: return nil
    case .evidence:
      let named = (statement.prompts?.keys ?? []).sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
      return try named.elementsEqual(promptsInEvidence) { $0.utf8.elementsEqual($1.utf8) }
        ? nil : "it names other prompts than the evidence"
    }
  }
}
