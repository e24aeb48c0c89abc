import BundleFormat
import Bytes
import Checkpoints
import Models

/// The reading of low-rank updates, W + alpha/r·B·A or W + alpha/√r·B·A (`use_rslora`).
extension PEFTReader {
  /// The two factors of a layer with their scale.
  private struct Update {
    let place: LowRankTarget
    /// Row-major, [rank, inputs].
    let a: [Float]
    /// Row-major, [outputs, rank].
    let b: [Float]
    let rank: Int
    let scale: Double
  }

  func lowRank() throws(Failure) -> (AdapterShape, [Float]) {
    let settings = folder.configuration
    let rank = try settings.required("r", as: Int.self, file: file)
    let alpha = try settings.required("lora_alpha", as: Double.self, file: file)
    let isStabilized = try flag("use_rslora")
    let targets = try PEFTTargets(settings) { wrong($0, $1) }
    let ranks = try pattern("rank_pattern")
    let alphas = try pattern("alpha_pattern")
    var updates: [Update] = []
    for place in model.lowRankTargets(model.linears) {
      let name = PEFTNames.module(place.tensor)
      guard let a = folder.tensors[PEFTNames.root + name + PEFTNames.a],
        let b = folder.tensors[PEFTNames.root + name + PEFTNames.b]
      else { continue }
      if let key = targets.exclusion(of: name) {
        throw wrong(
          key, "leaves out \(name), of which the file has an update",
          "correct the one or the other; PEFT would ignore the update")
      }
      let own = ranks.first { $0.pattern.matches(name) }?.value
      guard let rank = own.map({ Int(exactly: $0) }) ?? rank, a.shape == [rank, place.inputs],
        b.shape == [place.outputs, rank]
      else {
        let wanted = own.map { "\($0) in rank_pattern" } ?? "\(rank)"
        throw Failure(
          .usage, file: folder.path, at: place.tensor,
          "its factors are \(a.shape) and \(b.shape); rank \(wanted) and the model's"
            + " \(place.outputs) × \(place.inputs) weights need others",
          advice: "low-rank updates fit only models of their own shape")
      }
      let scale = alphas.first { $0.pattern.matches(name) }?.value ?? alpha
      let divisor = isStabilized ? Double(rank).squareRoot() : Double(rank)
      updates.append(
        Update(place: place, a: a.values, b: b.values, rank: rank, scale: scale / divisor))
    }
    try checkComplete(updates.map(\.place))
    if ranks.isEmpty, alphas.isEmpty {
      // rsLoRA scales by alpha/√r instead of alpha/r.
      let alpha = isStabilized ? alpha * Double(rank).squareRoot() : alpha
      return (
        .lowRank(LowRankShape(rank: rank, alpha: alpha, targets: updates.map(\.place))),
        updates.flatMap { $0.a + $0.b }
      )
    }
    return try joined(updates)
  }

  /// Updates of several ranks and scales as one of the largest rank, whose scale is 1: A gets rows of
  /// zeros, and B columns of zeros and its scale as a factor.
  private func joined(_ updates: [Update]) throws(Failure) -> (AdapterShape, [Float]) {
    let rank = updates.map(\.rank).max() ?? 0
    var values: [Float] = []
    for update in updates {
      values += update.a
      values += [Float](repeating: 0, count: (rank - update.rank) * update.place.inputs)
      for row in 0..<update.place.outputs {
        let start = row * update.rank
        values += update.b[start..<start + update.rank].map { Float(Double($0) * update.scale) }
        values += [Float](repeating: 0, count: rank - update.rank)
      }
    }
    guard values.allSatisfy(\.isFinite) else {
      throw wrong("alpha_pattern", "scales an update beyond float32's range")
    }
    let shape = LowRankShape(rank: rank, alpha: Double(rank), targets: updates.map(\.place))
    return (.lowRank(shape), values)
  }

  /// Checks that the updates are all tensors of the file.
  private func checkComplete(_ targets: [LowRankTarget]) throws(Failure) {
    if !targets.isEmpty, 2 * targets.count == folder.tensors.count { return }
    let known = Set(
      targets.flatMap { target in
        [PEFTNames.a, PEFTNames.b].map { PEFTNames.root + PEFTNames.module(target.tensor) + $0 }
      })
    let unknown = folder.tensors.keys.filter { !known.contains($0) }.sorted()
    throw Failure(
      .invalidData, file: folder.weightsPath,
      unknown.isEmpty
        ? "holds no low-rank updates" : "holds \(unknown[0]), which the model has no place for",
      advice: "only the factors of linear layers in blocks can be imported")
  }

  private func flag(_ key: String) throws(Failure) -> Bool {
    guard let value = folder.configuration[key], !value.isNull else { return false }
    guard let flag = value.bool else {
      throw wrong(key, "expected true or false, found \(value.kindName)")
    }
    return flag
  }

  /// Each pattern is tried with each module, so that their number must be bounded.
  private static let mostPatterns = 1 << 14

  /// The numbers of single modules in the object `key`, in its order: of several that match, PEFT takes
  /// the first.
  private func pattern(
    _ key: String
  ) throws(Failure) -> [(pattern: PEFTPattern, value: Double)] {
    guard let value = folder.configuration[key], !value.isNull else { return [] }
    guard let members = value.object?.members else {
      throw wrong(key, "expected an object, found \(value.kindName)")
    }
    guard members.count <= Self.mostPatterns else {
      throw wrong(key, "has \(members.count) entries; at most \(Self.mostPatterns) are supported")
    }
    var patterns: [(pattern: PEFTPattern, value: Double)] = []
    for (name, value) in members {
      guard let pattern = PEFTPattern(name) else {
        throw wrong(
          key, "has the regular expression \(JSON.string(name).excerpt), which isn't supported",
          "name the modules instead")
      }
      guard let number = value.double else {
        throw wrong(key, "expected numbers, found \(value.kindName)")
      }
      patterns.append((pattern, number))
    }
    return patterns
  }
}
