import Bytes
import Models

/// The source of a teacher's distributions.
package enum TeacherSource {
  /// The teacher itself, run at each step for the whole distribution.
  case model(Teacher)
  /// A cache of the teacher's most likely tokens.
  case cache(TeacherCache)

  /// The failure that names the teacher's first tensor with a NaN or an infinity; nil for none.
  func damagedTensor() -> Failure? {
    switch self {
    case .model(let teacher): teacher.damagedTensor()
    case .cache: nil
    }
  }

  /// The loss target for the windows `sequences`, which begin at `starts` in the text.
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
