import BundleFormat
import Bytes
import Models
import Numerics

/// A compressed weight matrix in stored form, with its ledger entry and its events.
package struct CompressedTensor: Sendable {
  package let stored: StoredTensor
  package let ledger: LayerLedger
  package let events: [EventRecord]

  package var name: String { stored.descriptor.name }

  init(_ solved: SolvedTensor) throws(Failure) {
    stored = try solved.stored()
    ledger = solved.ledger
    events = solved.events
  }
}

/// The linear layers of one block after compression.
package struct CompressedBlock: Sendable {
  package let index: Int
  /// In order of execution: q, k, v, o, gate (where there is one), up, down.
  package let tensors: [CompressedTensor]
  /// Wall time by phase, for the run's log; never part of the artifact.
  package let seconds: Seconds

  /// Wall time in seconds.
  package struct Seconds: Sendable {
    package var statistics = 0.0
    package var solving = 0.0
    package var forward = 0.0

    package init() {}
  }
}
