import Bytes
import Synchronization

/// The notice that a bundle was opened whose newest state is damaged, so that an older one is read.
///
/// Whatever opens a file sends it, so that no reader can forget to say so.
package enum DamageNotice {
  /// The damaged bundle.
  package struct Damage: Sendable, Equatable {
    /// The file as it was named.
    package let file: String
    /// The damaged record.
    package let place: String
    /// The fault of the record, as a clause.
    package let finding: String
    /// The generation that is read.
    package let generation: UInt64
  }

  private static let receiver = Mutex<(@Sendable (Damage) -> Void)?>(nil)

  /// Sets who receives notices; nil for nobody.
  package static func receive(_ body: (@Sendable (Damage) -> Void)?) {
    receiver.withLock { $0 = body }
  }

  /// Sends a notice for each fault that opening `bundle` found; nothing for a sound one.
  static func send(for bundle: ModelBundle) {
    let faults = bundle.problems.filter { $0.severity == .error }
    guard !faults.isEmpty, let body = receiver.withLock({ $0 }) else { return }
    for fault in faults {
      body(
        Damage(
          file: bundle.path, place: fault.place, finding: fault.finding,
          generation: bundle.generation))
    }
  }
}
