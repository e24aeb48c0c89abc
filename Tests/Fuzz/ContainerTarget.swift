import BundleFormat
import Bytes

/// Opening and fully auditing a bundle. One that passes is compacted, and must then pass again with
/// the same content.
enum ContainerTarget {
  static func read(_ input: [UInt8]) throws(Failure) {
    let bytes = ByteSlice(input)
    let problems = ModelBundle.audit(bytes: bytes, name: "input", level: .full)
    require(problems.allSatisfy { !$0.finding.isEmpty }, "a problem without a finding")
    if problems.contains(where: { $0.severity == .error }) {
      // What the audit refuses may still be opened and read without one.
      try readAll(try ModelBundle(bytes: bytes, name: "input"))
      return
    }
    let bundle = try ModelBundle(bytes: bytes, name: "input", verify: .full)
    try readAll(bundle)
    let path = ScratchInput.write(input, "bundle.ctpack")
    let target = "\(ScratchInput.folder)/compact.ctpack"
    // A bundle of a newer minor version may be read but not written, which fails here.
    let digest = try BundleEditor.compact(path, to: target)
    require(digest == bundle.canonicalDigest, "compacting changes the content")
    do throws(Failure) {
      let compact = try ModelBundle(path: target, verify: .full)
      require(compact.canonicalDigest == digest, "the compacted file has other content")
    } catch { fatalError("the compacted file is refused: \(error)") }
  }

  private static func readAll(_ bundle: ModelBundle) throws(Failure) {
    var first: Failure?
    for section in bundle.sections where section.rawSize < 1 << 24 {
      do throws(Failure) { _ = try bundle.bytes(of: section) } catch { first = first ?? error }
    }
    if let first { throw first }
  }
}
