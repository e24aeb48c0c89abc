import Bundle
import Bytes
import Models
import Numerics

/// One weight matrix as it goes into a bundle, with what is to be said about it.
public struct CompressedTensor: Sendable {
  public let stored: StoredTensor
  public let ledger: LayerLedger
  public let events: [EventRecord]

  public var name: String { stored.descriptor.name }

  init(_ solved: SolvedTensor) throws(Failure) {
    stored = try solved.stored()
    ledger = solved.ledger
    events = solved.events
  }
}

/// The linear layers of one block after compression.
public struct CompressedBlock: Sendable {
  public let index: Int
  /// In the order of the computation: q, k, v, o, gate (where there is one), up, down.
  public let tensors: [CompressedTensor]
  /// Wall time by part of the work; for the run's log, never for the artifact.
  public let seconds: Seconds

  public struct Seconds: Sendable {
    public var statistics = 0.0
    public var solving = 0.0
    public var forward = 0.0

    public init() {}
  }
}
