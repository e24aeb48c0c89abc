import Bytes

/// A cache of one Hessian's factors, by the settings that determine them. Layers that read the same
/// input usually need the same factor, which is computed once.
struct FactorCache {
  private var factors: [Key: FactoredHessian] = [:]
  private var maps: [MapKey: DriftMap] = [:]
  private var diagonal: HessianDiagonal?

  private struct MapKey: Hashable {
    let key: Key
    let method: DriftCorrection.Method
  }

  struct Key: Hashable {
    let actOrder: Bool
    let together: Int
    let damping: Double

    /// The key of the factor for masks, and for codes if one pass finds both.
    init(_ settings: TensorSettings) {
      actOrder = settings.prunesFirst ? false : settings.actOrder
      if case .pattern(_, let of) = settings.sparsity { together = of } else { together = 1 }
      damping = settings.damping
    }

    /// The key of the factor for codes that are found in a second pass.
    init(quantizing settings: TensorSettings) {
      actOrder = settings.actOrder
      together = 1
      damping = settings.damping
    }
  }

  /// H's checked diagonal; `hessian` must be the same in all calls.
  mutating func diagonal(
    of hessian: Hessian, name: String
  ) throws(Failure) -> HessianDiagonal {
    if let diagonal { return diagonal }
    let checked = try HessianDiagonal(hessian, name: name)
    diagonal = checked
    return checked
  }

  /// The factor for `key`; `hessian` must be the same in all calls.
  mutating func factor(
    of hessian: Hessian, _ key: Key, name: String
  ) throws(Failure) -> FactoredHessian {
    if let known = factors[key] { return known }
    let made = try FactoredHessian(
      hessian, try diagonal(of: hessian, name: name), actOrder: key.actOrder,
      together: key.together,
      damping: key.damping, name: name)
    factors[key] = made
    return made
  }

  /// The map that corrects weights for drift; `drift` must be the same in all calls and belong to
  /// `hessian`'s input.
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

  /// Drops all maps, to release the drift that they hold.
  mutating func dropMaps() { maps = [:] }
}
