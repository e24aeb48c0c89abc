import BundleFormat
import Bytes

extension BundleEditor {
  /// An edit that doesn't depend on what the bundle holds. Returns the new generation.
  @discardableResult
  static func append(
    to path: String, sections: [NewSection], removing: [Key] = []
  ) throws(Failure) -> UInt64 {
    try edit(path) { (edit) throws(Failure) in
      edit.add(sections)
      for key in removing { edit.remove(key) }
    }.generation
  }
}
