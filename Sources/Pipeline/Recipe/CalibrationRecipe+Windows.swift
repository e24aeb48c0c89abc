import Bytes
import Text

extension CalibrationRecipe {
  /// A text of more bytes per token than this that it has to yield is long enough as far as can be told
  /// without reading it.
  private static let ampleBytesPerToken = 8

  /// The windows that compression looks at.
  ///
  /// - Throws: `invalidData` where the text has too few tokens for them.
  func windows(of ids: [Int32]) throws(Failure) -> [[Int32]] {
    let found =
      switch selection {
      case .random:
        Windows.random(ids, length: length, count: windows, seed: UInt64(seed))
      case .consecutive:
        Windows.consecutive(ids, length: length, limit: windows)
      }
    guard found.count == windows else {
      throw Failure(
        .invalidData, file: text,
        "has \(ids.count) tokens: \(found.count) windows of \(length), the recipe asks for \(windows)",
        advice: "use a longer text, or fewer or shorter windows")
    }
    return found
  }

  /// Whether a file of `bytes` may hold too little: then it is tokenized before a checkpoint is imported
  /// for it.
  func mayBeTooShort(bytes: Int) -> Bool {
    bytes / Self.ampleBytesPerToken < (selection == .random ? length : windows * length)
  }
}
