import Bytes
import Foundation

/// What a run would do with one stage, and why.
package struct StageOutlook: Sendable, Equatable {
  package let stage: String
  package let willRun: Bool
  /// One clause each.
  package let reasons: [String]
  /// nil where it depends on a stage that has to run first.
  package let key: String?
  package let outputs: [String: StoreObject]
  /// What it takes of the machine, estimated, where it would run.
  package var needs: StageNeeds?
  /// Seconds, estimated likewise.
  package var seconds: Double?

  package var json: JSON {
    var objects = JSONObject()
    for (name, object) in outputs.sorted(by: { $0.key < $1.key }) { objects[name] = object.json }
    var result: JSONObject = [
      "stage": .string(stage), "run": .bool(willRun), "reasons": JSON(reasons),
      "key": key.map { .string($0) } ?? .null, "outputs": .object(objects),
    ]
    if let needs, let seconds {
      result["estimate"] = [
        "seconds": .number((seconds * 10).rounded() / 10), "memory_bytes": JSON(needs.memory),
        "disk_bytes": JSON(needs.disk),
      ]
    }
    return .object(result)
  }
}

extension Build {
  /// The same, with what each stage that would run takes of this machine.
  ///
  /// - Parameter missing: files that aren't there: no stage can then be looked up, and all are said
  ///   to run.
  package func explainWithEstimates(
    until last: String? = nil, missing: [String] = []
  ) throws -> [StageOutlook] {
    let rate = MachineRate.measured()
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

  /// Says for each stage whether it would run and why, without running or writing anything.
  package func explain(until last: String? = nil) throws -> [StageOutlook] {
    var files = ExternalFiles()
    var done: [StageMarker] = []
    let latest = store.latest()
    var outlooks: [StageOutlook] = []
    for stage in try stages(until: last) {
      let waiting = stage.inputs.compactMap { input -> String? in
        let origin: String
        switch input.source {
        case .file, .weights: return nil
        case .output(let stage, _), .record(let stage): origin = stage
        }
        return done.contains { $0.stage == origin } ? nil : origin
      }
      guard waiting.isEmpty else {
        outlooks.append(try outlook(of: stage, after: waiting, latest[stage.name], &files))
        continue
      }
      let inputs = try resolve(stage, done, &files)
      let key = key(of: stage, inputs)
      if let marker = try reusable(key) {
        done.append(marker)
        outlooks.append(
          StageOutlook(
            stage: stage.name, willRun: false,
            reasons: ["done; nothing that it depends on changed"],
            key: key.digest.hex, outputs: marker.outputs))
      } else {
        let reasons = try reasons(for: stage, key, latest[stage.name])
        outlooks.append(
          StageOutlook(
            stage: stage.name, willRun: true, reasons: reasons, key: key.digest.hex, outputs: [:]))
      }
    }
    return outlooks
  }

  private func reasons(
    for stage: any Stage, _ key: StageKey, _ latest: JSON?
  ) throws -> [String] {
    if let marker = try store.marker(for: key) {
      var gone: [String] = []
      for (name, object) in marker.outputs.sorted(by: { $0.key < $1.key })
      where try store.check(object) == .missing { gone.append(name) }
      return gone.map { "its output `\($0)` is no longer in the work folder" }
    }
    guard let latest else { return ["never ran in this work folder"] }
    let changes = StageKey.differences(from: latest, to: key.document)
    if changes.isEmpty {
      let saved = PartialStatus(store, key: key.digest)
      return ["began but did not finish" + (saved.map { ": goes on from \($0.text)" } ?? "")]
    }
    return changes
  }

  /// For a stage whose inputs are still to be made: that, and what changed of its own.
  private func outlook(
    of stage: any Stage, after origins: [String], _ latest: JSON?, _ files: inout ExternalFiles
  ) throws -> StageOutlook {
    var unique: [String] = []
    for origin in origins where !unique.contains(origin) { unique.append(origin) }
    var reasons = ["depends on what \(unique.joined(separator: " and ")) will make"]
    if let latest {
      var document = latest.object ?? JSONObject()
      document["parameters"] = stage.parameters
      document["algorithm"] = JSON(stage.algorithmVersion)
      var digests = latest["inputs"]?.object ?? JSONObject()
      for input in stage.inputs {
        let object: StoreObject
        switch input.source {
        case .file(let path): object = try files.resolve(path).object
        case .weights(let path): object = try files.weights(path)
        case .output, .record: continue
        }
        digests[input.name] = .string(object.digest.hex)
      }
      document["inputs"] = .object(digests)
      reasons += StageKey.differences(from: latest, to: .object(document))
    } else {
      reasons.append("never ran in this work folder")
    }
    return StageOutlook(stage: stage.name, willRun: true, reasons: reasons, key: nil, outputs: [:])
  }
}

/// How far an unfinished stage had come when it last saved.
struct PartialStatus: Sendable, Equatable {
  let stage: String
  let done: Int
  let total: Int
  let unit: String

  var text: String { "\(unit) \(done) of \(total)" }

  /// nil where the stage left nothing.
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

extension PartialState {
  /// Notes how far the saved states reach, for `status` and `--explain`.
  package func mark(_ done: Int, of total: Int, unit: String) throws {
    let json: JSON = ["done": JSON(done), "total": JSON(total), "unit": .string(unit)]
    try AtomicFile.write(json.canonicalBytes, to: folder + "/at.json")
  }
}
