import Bytes

extension Store {
  /// The path of an output of the latest run of its stage; nil if the stage hasn't finished, or the
  /// output was removed.
  ///
  /// - Throws: `invalidData` if the stage's record is damaged.
  package func latestPath(of output: StageOutput) throws(Failure) -> String? {
    guard let document = try latest()[output.stage],
      let marker = try marker(for: StageKey(document: document)),
      let object = [marker].object(of: output)
    else { return nil }
    let path = path(of: object)
    return (try? FileIdentity(path: path)) == nil ? nil : path
  }
}
