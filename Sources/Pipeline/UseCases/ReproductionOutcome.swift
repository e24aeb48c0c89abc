import Bytes

/// A stage of the recorded build beside the same stage today.
package struct ReproducedStage: Sendable, Equatable {
  package let name: String
  /// The key that the bundle records.
  package let recorded: SHA256Digest
  /// Today's key; nil if the recipe has no such stage.
  package let key: SHA256Digest?
  /// Why the keys differ, one clause each; empty if they are the same.
  package let reasons: [String]

  package var isSame: Bool { key == recorded }
}

/// The result of repeating a build.
package struct ReproductionOutcome: Sendable {
  /// The stages that the bundle records, in order.
  package let stages: [ReproducedStage]
  package let content: ReproducedContent
  /// The stages whose recorded output is another one than today's, of those whose output is
  /// recorded.
  let outputs: [String]

  /// Whether all that the build makes is in the bundle, to the bit, and nothing else that a build
  /// would have made.
  package var isReproduced: Bool { content.differences.isEmpty }

  /// The first stage whose output differs, in the order of a build; nil if none does.
  package var firstStage: String? {
    let differing = Set(outputs + content.differences.map(\.stage))
    return BuildPlan.stageOrder.first { differing.contains($0) }
  }

  /// The first stage whose key differs; nil if none does.
  package var firstKey: ReproducedStage? { stages.first { !$0.isSame } }
}
