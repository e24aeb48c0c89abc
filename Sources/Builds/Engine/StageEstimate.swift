import Bytes

/// Memory and disk that a stage takes, estimated before it runs.
package struct StageNeeds: Sendable, Equatable {
  /// Bytes in memory at most, mapped files left out.
  package var memory: Int
  /// Bytes that it leaves in the work folder, or has there while it runs.
  package var disk: Int

  package init(memory: Int = 128 << 20, disk: Int = 0) {
    self.memory = memory
    self.disk = disk
  }
}

/// The speed of this machine, for estimates.
package struct MachineRate: Sendable {
  /// Multiply-adds a second of a plain product in bfloat16 where the processor has it, in 10⁹.
  package let product: Double

  package init(product: Double) { self.product = product }
}

extension Stage {
  /// Seconds, from what the stage took in this work folder before, or else from how its pace related
  /// to a plain product's on a model of 135 M parameters.
  func seconds(_ rate: MachineRate, earlier: [String: Double]) -> Double {
    work / (earlier[name] ?? rate.product * pace)
  }
}

extension Build {
  /// What a run would do with each stage, with time, memory and disk for the stages that would run.
  ///
  /// - Parameter missing: files that aren't there: no stage can then be looked up, and all are
  ///   listed as running.
  package func explainWithEstimates(
    until last: String? = nil, missing: [String] = [], rate: MachineRate
  ) throws -> [StageOutlook] {
    let earlier = RunLedger(file: store.ledgerFile).rates()
    let stages = try stages(until: last)
    let outlooks =
      missing.isEmpty
      ? try explain(until: last)
      : stages.map {
        StageOutlook(
          stage: $0.name, willRun: true, reasons: ["has to wait for files that aren't there"],
          key: nil, outputs: [:])
      }
    return zip(stages, outlooks).map { stage, outlook in
      guard outlook.willRun else { return outlook }
      var outlook = outlook
      outlook.needs = stage.needs
      outlook.seconds = stage.seconds(rate, earlier: earlier)
      return outlook
    }
  }
}
