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

  /// Tokenizes a text that may be too short, so that the build needn't import a checkpoint to find out.
  ///
  /// - Parameters:
  ///   - bytes: of the file.
  ///   - tokenizer: asked for where it is needed.
  /// - Throws: as `windows(of:)`, and what is wrong with the text or the tokenizer.
  func checkLength(
    bytes: Int, tokenizer: () throws(Failure) -> Tokenizer
  ) throws(Failure) {
    let tokens = selection == .random ? length : windows * length
    guard bytes / Self.ampleBytesPerToken < tokens else { return }
    _ = try windows(of: try tokenizer().encode(try Corpus.load(path: text).text))
  }
}
