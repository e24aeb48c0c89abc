import Bytes
import Models

/// Where a learner finds out what its teacher says.
package enum TeacherSource {
  /// Asks the model itself at each step, for the whole distribution.
  case model(Teacher)
  /// Looks up what it said.
  case cache(TeacherCache)

  /// What the windows at `starts`, here with their tokens, are to be measured against.
  func target(
    _ sequences: [[Int32]], starts: [Int], vocabulary: Int, share: Double
  ) throws(Failure) -> LossTarget {
    switch self {
    case .model(let teacher): try teacher.target(sequences, share: share)
    case .cache(let cache):
      .soft(try cache.targets(starts, vocabulary: vocabulary), share: share)
    }
  }
}
