import Bytes

/// The factors of one H, each made once: layers that read the same input mostly ask for the same.
struct FactorCache {
  private var factors: [Key: FactoredHessian] = [:]
  private var maps: [MapKey: DriftMap] = [:]
  private var inputs: LiveInputs?

  private struct MapKey: Hashable {
    let key: Key
    let method: DriftCorrection.Method
  }

  struct Key: Hashable {
    let actOrder: Bool
    let together: Int
    let damping: Double

    /// For masks, and for codes where both are found in one pass.
    init(_ settings: TensorSettings) {
      actOrder = settings.prunesFirst ? false : settings.actOrder
      if case .pattern(_, let of) = settings.sparsity { together = of } else { together = 1 }
      damping = settings.damping
    }

    /// For codes alone.
    init(quantizing settings: TensorSettings) {
      actOrder = settings.actOrder
      together = 1
      damping = settings.damping
    }
  }

  /// As `LiveInputs`' initializer; `hessian` must be the same in all calls.
  mutating func inputs(of hessian: Hessian, name: String) throws(Failure) -> LiveInputs {
    if let inputs { return inputs }
    let found = try LiveInputs(hessian, name: name)
    inputs = found
    return found
  }

  /// As `FactoredHessian`'s initializer; `hessian` must be the same in all calls.
  mutating func factor(
    of hessian: Hessian, _ key: Key, name: String
  ) throws(Failure) -> FactoredHessian {
    if let known = factors[key] { return known }
    let made = try FactoredHessian(
      hessian, try inputs(of: hessian, name: name), actOrder: key.actOrder, together: key.together,
      damping: key.damping, name: name)
    factors[key] = made
    return made
  }

  /// What corrects weights for the drift; `drift` must be the same in all calls, and of `hessian`'s input.
  mutating func map(
    of drift: InputDrift, _ method: DriftCorrection.Method, hessian: Hessian, _ key: Key,
    name: String
  ) throws(Failure) -> DriftMap {
    let place = MapKey(key: key, method: method)
    if let known = maps[place] { return known }
    let made = DriftMap(
      drift, method: method, factor: try factor(of: hessian, key, name: name))
    maps[place] = made
    return made
  }
  /// Lets go of the drift that the maps hold.
  mutating func dropMaps() { maps = [:] }
}
