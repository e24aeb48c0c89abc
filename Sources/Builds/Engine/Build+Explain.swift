import Bytes

extension Build {
  /// Returns, for each stage up to `last`, whether it would run and why; runs and writes nothing.
  package func explain(until last: String? = nil) throws -> [StageOutlook] {
    var files = ExternalFiles()
    var done: [StageMarker] = []
    let latest = try store.latest()
    var outlooks: [StageOutlook] = []
    for stage in try stages(until: last) {
      let waiting = stage.inputs.compactMap { input -> String? in
        let origin: String
        switch input.source {
        case .file, .part: return nil
        case .output(let output): origin = output.stage
        case .record(let stage): origin = stage
        }
        return done.contains { $0.stage == origin } ? nil : origin
      }
      guard waiting.isEmpty else {
        outlooks.append(try outlook(of: stage, after: waiting, latest[stage.name], &files))
        continue
      }
      let inputs = try resolve(stage, done, &files)
      let key = key(of: stage, inputs)
      if let marker = try reusable(key, of: stage) {
        done.append(marker)
        outlooks.append(
          StageOutlook(
            stage: stage.name, willRun: false,
            reasons: ["up to date: no input or parameter changed"],
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

  /// Returns the reasons why a stage whose inputs are known has to run.
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
      return ["began but did not finish" + (saved.map { "; will resume from \($0.text)" } ?? "")]
    }
    return changes
  }

  /// Returns the outlook of a stage whose inputs other stages must make first: those stages, and
  /// the changes that are already known.
  private func outlook(
    of stage: any Stage, after origins: [String], _ latest: JSON?, _ files: inout ExternalFiles
  ) throws -> StageOutlook {
    var unique: [String] = []
    for origin in origins where !unique.contains(origin) { unique.append(origin) }
    var reasons = [
      "depends on the output of \(unique.joined(separator: " and ")), which will run first"
    ]
    if let latest {
      var document = latest.object ?? JSONObject()
      document["parameters"] = stage.parameters
      document["algorithm"] = JSON(stage.algorithmVersion)
      var digests = latest["inputs"]?.object ?? JSONObject()
      for input in stage.inputs {
        let object: StoreObject
        switch input.source {
        case .file(let path): object = try files.resolve(path).object
        case .part(let part): object = try files.digest(of: part)
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
