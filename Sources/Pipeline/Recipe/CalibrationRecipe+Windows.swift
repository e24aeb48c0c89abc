import Bytes
import Text

extension CalibrationRecipe {
  /// Bytes per required token above which a text is assumed to be long enough without tokenizing
  /// it.
  private static let ampleBytesPerToken = 8

  /// Returns the calibration windows of a text with the tokens `ids`, `windows` windows of `length`
  /// tokens.
  ///
  /// - Throws: `invalidData` if the text has too few tokens.
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

  /// Returns whether a text of `bytes` bytes may be too short, so that it has to be tokenized
  /// before the checkpoint is imported.
  func mayBeTooShort(bytes: Int) -> Bool {
    bytes / Self.ampleBytesPerToken < (selection == .random ? length : windows * length)
  }
}
