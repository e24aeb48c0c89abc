import BundleFormat
import Bytes
import TestSupport
import Testing

/// Keys and altered signatures for the tests of signing.
struct Signing {
  let folder: TemporaryFolder
  let key: SigningKey
  let other: SigningKey
  let edwards: SigningKey

  init(_ folder: TemporaryFolder) throws {
    self.folder = folder
    func key(_ text: String) throws -> SigningKey {
      try SigningKey(path: try folder.write("keys/key.pem", text))
    }
    self.key = try key(SampleKeys.signer)
    other = try key(SampleKeys.other)
    edwards = try key(SampleKeys.edwards)
  }

  /// Verdicts by tree, with the public part of `key` unless others are given.
  func status(_ path: String, keys: [VerifyingKey]? = nil) throws -> [ContentTree:
    TreeVerification.Status]
  {
    let trees = try ModelBundle(path: path).verifySignatures(keys: keys ?? [key.verifyingKey])
    return Dictionary(uniqueKeysWithValues: trees.map { ($0.tree, $0.status) })
  }

  /// A signature's section with any statement, name and bytes.
  static func section(
    _ statement: JSON, name: String? = nil, by key: SigningKey, raw: [UInt8]? = nil
  ) throws -> NewSection {
    let message = Array("ctpack signature 1\n".utf8) + statement.canonicalBytes
    let tree = statement["tree"]?.string ?? ""
    return NewSection(
      type: .signature, layout: .raw,
      name: name ?? "\(tree):\(statement["key"]?.string ?? "")",
      attributes: statement.object ?? [:], bytes: ByteSlice(try raw ?? key.signature(of: message)))
  }

  /// A copy of the bundle at `path` in canonical form, with each section as `alter` returns it (nil
  /// to drop it), and with `added`, whether or not a reader accepts them. Signatures stay as they are.
  static func rewrite(
    _ path: String, to target: String, adding added: [NewSection] = [],
    alter: (Section, NewSection) -> NewSection? = { $1 }
  ) throws {
    let bundle = try ModelBundle(path: path)
    var writer = BundleWriter(path: target)
    for section in bundle.sections {
      let type = try #require(section.type)
      let same = NewSection(
        type: type, layout: try #require(section.layout), name: section.name,
        attributes: section.attributes, bytes: try bundle.bytes(of: section),
        flags: section.flags, policy: .never)
      if let altered = section.type == .signature ? same : alter(section, same) {
        writer.add(altered)
      }
    }
    writer.add(added)
    try writer.finishUnchecked()
  }
}
