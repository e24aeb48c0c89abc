import Bytes

/// The progress of an unfinished stage at its last save: "block 12 of 30".
struct PartialStatus: Sendable, Equatable {
  let stage: String
  let done: Int
  let total: Int
  let unit: String

  var text: String { "\(unit) \(done) of \(total)" }

  /// Reads the progress of the stage with this key; nil if it saved none.
  init?(_ store: Store, key: SHA256Digest) {
    let folder = store.partialFolder + "/" + key.hex
    guard let document = try? Store.readJSON(folder + "/key.json"),
      let stage = document["stage"]?.string,
      let at = try? Store.readJSON(folder + "/at.json"), let done = at["done"]?.int,
      let total = at["total"]?.int, let unit = at["unit"]?.string
    else { return nil }
    self.stage = stage
    self.done = done
    self.total = total
    self.unit = unit
  }
}
