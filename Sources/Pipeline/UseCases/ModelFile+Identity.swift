import BundleFormat
import Bytes

extension ModelFile {
  /// The digest by which `provenance` names this model's weights: a bundle's own, or that of the base model if the
  /// checkpoint's files are those that it records. nil for another checkpoint, whose weights have no digest.
  /// - Throws: `inputMissing` if a file of the checkpoint can't be read.
  package func weightsDigest(in provenance: Provenance?) throws(Failure) -> SHA256Digest? {
    switch self {
    case .bundle(let bundle): return bundle.weightsDigest
    case .checkpoint(let source, _):
      guard let provenance, source.files.count == provenance.sourceFiles.count else { return nil }
      var digests: [SHA256Digest] = []
      for path in source.files {
        digests.append(SHA256Digest(hashing: try MappedFile(path: path).bytes))
      }
      let recorded = provenance.sourceFiles.map(\.sha256)
      return digests.sorted() == recorded.sorted() ? provenance.baseModel : nil
    }
  }
}
