import Bytes

extension StageKey {
  /// How far the algorithm's version is sought beyond today's.
  private static let laterVersions = 16

  /// Returns what makes this key differ from an earlier one of which only the digest is left, one
  /// clause each: the kernel class, the algorithm's version, inputs. Every combination of them is
  /// put into this key's document and digested; equal digests leave no doubt.
  ///
  /// - Parameters:
  ///   - recorded: the earlier key's digest.
  ///   - kernels: the kernel class of the earlier build.
  ///   - inputs: the digests of the earlier build's inputs, as far as they are known.
  /// - Returns: nil if none of this explains the difference, such as for other parameters.
  package func differences(
    from recorded: SHA256Digest, kernels: String, inputs: [String: SHA256Digest] = [:]
  ) -> [String]? {
    guard let own = document.object, let algorithm = own["algorithm"]?.int else { return nil }
    var documents = [own]
    if own["kernels"]?.string != nil {
      documents += documents.map { Self.document($0, with: "kernels", .string(kernels)) }
    }
    let known = inputs.filter { own["inputs"]?[$0.key] != nil }
    for (name, digest) in known.sorted(by: { $0.key < $1.key }) {
      documents += documents.map { document in
        let all = Self.document(document["inputs"]?.object ?? [:], with: name, .string(digest.hex))
        return Self.document(document, with: "inputs", .object(all))
      }
    }
    for version in [algorithm] + (0...algorithm + Self.laterVersions) {
      for document in documents {
        let key = StageKey(
          document: .object(Self.document(document, with: "algorithm", JSON(version))))
        if key.digest == recorded {
          return Self.differences(from: key.document, to: self.document)
        }
      }
    }
    return nil
  }

  private static func document(
    _ object: JSONObject, with name: String, _ value: JSON
  ) -> JSONObject {
    var object = object
    object[name] = value
    return object
  }
}
