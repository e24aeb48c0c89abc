import BundleFormat
import Bytes
import Synchronization

/// The damaged bundles that a command has opened: each is named on standard error once, and in what
/// the command prints as JSON.
enum DamageReport {
  private static let seen = Mutex<[DamageNotice.Damage]>([])

  /// Receives the notices of all bundles that are opened from now on.
  static func start() {
    DamageNotice.receive { damage in
      let isNew = seen.withLock { seen in
        if seen.contains(damage) { return false }
        seen.append(damage)
        return true
      }
      guard isNew else { return }
      let text =
        "warning: \(damage.file): \(damage.place): \(damage.finding); the older state of "
        + "generation \(damage.generation) is read (`ctpack recover` may save the newest)"
      _ = try? StandardStream.error.write("ctpack: \(ShownText.line(text))\n")
    }
  }

  /// `json` with the key `damage`, an array, if a damaged bundle was opened; in a list, each object
  /// has it.
  static func adding(to json: JSON) -> JSON {
    let damages = seen.withLock { $0 }
    guard !damages.isEmpty else { return json }
    let list = JSON.array(
      damages.map {
        [
          "file": .string($0.file), "place": .string($0.place), "finding": .string($0.finding),
          "generation_read": .integer(Int64(clamping: $0.generation)),
        ]
      })
    if var object = json.object {
      object["damage"] = list
      return .object(object)
    }
    guard let array = json.array else { return json }
    return .array(
      array.map { value in
        guard var object = value.object else { return value }
        object["damage"] = list
        return .object(object)
      })
  }
}
