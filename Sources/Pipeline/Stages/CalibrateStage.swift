import Builds
import Bytes
import Text

/// The stage that tokenizes the calibration text into windows of token IDs, and counts how much of
/// the vocabulary they cover.
struct CalibrateStage: Stage {
  let recipe: CalibrationRecipe
  /// The size of the text in bytes.
  let textBytes: Int

  static let name = "calibrate"
  /// The windows, in the format of `TokenWindows`.
  static let windows = StageOutput("windows", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 1 }
  var parameters: JSON {
    var object: JSONObject = [
      "windows": JSON(recipe.windows), "length": JSON(recipe.length),
      "selection": .string(recipe.selection.rawValue),
    ]
    if recipe.selection == .random { object["seed"] = JSON(recipe.seed) }
    return .object(object)
  }
  struct Inputs {
    let tokenizer: FileInput
    let text: FileInput
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      tokenizer: list.output(ImportStage.tokenizer), text: list.file(recipe.text, as: "text"))
  }
  var outputs: [StageOutput] { [Self.windows] }
  var usesKernels: Bool { false }
  var unit: String { "window" }
  var work: Double { Double(textBytes) * 5e-5 }

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    let tokenizer = try Tokenizer(json: MappedFile(path: context.path(inputs.tokenizer)).bytes)
    let corpus = try Corpus.load(path: context.path(inputs.text))
    let ids = tokenizer.encode(corpus.text)
    try context.checkStop()
    let windows = try recipe.windows(of: ids)
    var seen: Set<Int32> = []
    for window in windows { seen.formUnion(window) }
    context.report(windows.count, of: windows.count, "\(seen.count) distinct tokens")
    return StageResult(
      outputs: [Self.windows: .bytes(TokenWindows(windows).bytes)],
      summary: [
        "text_tokens": JSON(ids.count), "windows": JSON(windows.count),
        "length": JSON(recipe.length), "distinct_tokens": JSON(seen.count),
        "vocabulary": JSON(tokenizer.vocabularySize),
      ])
  }
}

/// Windows of token IDs of equal length. The file format, little-endian: the number of windows and
/// their length as u32, then the IDs as i32.
struct TokenWindows {
  let windows: [[Int32]]

  init(_ windows: [[Int32]]) { self.windows = windows }

  /// The file's content.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt32(windows.count))
    bytes.append(littleEndian: UInt32(windows.first?.count ?? 0))
    for id in windows.joined() { bytes.append(littleEndian: id) }
    return bytes
  }

  /// Parses a file's content.
  ///
  /// - Throws: `invalidData` if the size doesn't match the header.
  init(parsing bytes: ByteSlice, file: String) throws(Failure) {
    guard let count = bytes.integer(at: 0, as: UInt32.self).map(Int.init),
      let length = bytes.integer(at: 4, as: UInt32.self).map(Int.init), count > 0, length > 0,
      bytes.count - 8 == count * length * 4, let body = bytes.slice(8..<bytes.count)
    else { throw Failure(.invalidData, file: file, "is not a list of token windows") }
    let ids = body.words(Int32.self)
    windows = (0..<count).map { Array(ids[$0 * length..<($0 + 1) * length]) }
  }
}
