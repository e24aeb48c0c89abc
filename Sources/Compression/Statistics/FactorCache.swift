import Bytes

/// The factors of one Hessian by the settings that decide them. Layers that read the same input mostly
/// need the same one, which is then computed once.
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

    /// The factor for masks, and for codes where one pass finds both.
    init(_ settings: TensorSettings) {
      actOrder = settings.prunesFirst ? false : settings.actOrder
      if case .pattern(_, let of) = settings.sparsity { together = of } else { together = 1 }
      damping = settings.damping
    }

    /// The factor for codes in a pass of their own.
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

  /// The map that corrects weights for drift; `drift` must be the same in all calls, and of `hessian`'s
  /// input.
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

  /// Releases the drift that the maps hold.
  mutating func dropMaps() { maps = [:] }
}
