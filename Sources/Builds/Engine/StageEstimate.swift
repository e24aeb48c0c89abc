import Bytes

/// The memory and disk space of a stage, estimated before it runs.
package struct StageNeeds: Sendable, Equatable {
  /// The peak memory in bytes, without mapped files.
  package var memory: Int
  /// The bytes that the stage occupies in the work folder, during its run or after it.
  package var disk: Int
  /// The recipe fields with which the stage takes less memory if they are lower.
  package var settings: [String]

  package init(memory: Int = 128 << 20, disk: Int = 0, settings: [String] = []) {
    self.memory = memory
    self.disk = disk
    self.settings = settings
  }
}

/// This machine's speed, for estimates.
package struct MachineRate: Sendable {
  /// The rate of a plain matrix product in 10⁹ multiply-adds per second: in bfloat16 if the
  /// processor supports it, otherwise in float32.
  package let product: Double

  package init(product: Double) { self.product = product }
}

extension Stage {
  /// Returns the estimated seconds: from the stage's last run in this work folder, otherwise from
  /// its `pace` relative to a plain product, as measured on a model of 135 M parameters.
  ///
  /// - Parameter earlier: work per second of earlier runs, by stage name.
  func seconds(_ rate: MachineRate, earlier: [String: Double]) -> Double {
    work / (earlier[name] ?? rate.product * pace)
  }
}

extension Build {
  /// Returns the outlook of each stage through `last`, with estimated time, memory and disk space
  /// for the stages that would run.
  ///
  /// - Parameter missing: missing input files. If there are any, keys can't be computed, and all
  ///   stages are listed as running.
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
          stage: $0.name, willRun: true, reasons: ["waits for input files that are missing"],
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
