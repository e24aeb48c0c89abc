/// Runs of 64 codes sorted by the zero point of their group: codes of one zero point have the same
/// bell around it, and coded together they come closer to what they hold.
enum RunOrder {
  /// How many runs of each class there are.
  static func counts(_ classes: ArraySlice<UInt8>) -> [Int] {
    var counts = [Int](repeating: 0, count: 256)
    for value in classes { counts[Int(value)] += 1 }
    return counts
  }

  /// Where each run stands when runs are sorted by class, equal ones in their order.
  static func places(_ classes: ArraySlice<UInt8>) -> [Int] {
    var next = [Int](repeating: 0, count: 256)
    var start = 0
    for (value, count) in counts(classes).enumerated() {
      next[value] = start
      start += count
    }
    return classes.map { value in
      next[Int(value)] += 1
      return next[Int(value)] - 1
    }
  }
}
