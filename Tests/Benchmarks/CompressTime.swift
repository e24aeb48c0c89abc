import ArgumentParser
import Bytes
import Foundation

/// The benchmark `compress-time`: how compression time grows with the number of calibration tokens and of
/// blocks.
struct CompressTime: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compress-time",
    abstract:
      "Compress with 16, 32 and 64 windows: seconds per block by part, and their growth.",
    discussion: """
      Statistics and forward pass take time for each calibration token, solving doesn't, so a block's \
      time is linear in the number of tokens. Prints the slope between successive numbers of windows, \
      which should be constant, and the time of the second half of the blocks relative to the first.
      """)

  @Option(help: "The model: a GGUF file or a Hugging Face folder.") var model: String
  @Option(help: "Calibration text.") var calibration = "Recipes/data/c4-train.jsonl"
  @Option(help: "Numbers of calibration windows, ascending.") var windows = [16, 32, 64]
  @Option(help: "Tokens per window.") var length = 512
  @Option(help: "The recipe's `compression` section.") var compression =
    "{method: gptq, bits: 4, group_size: 64}"
  @Option(help: "Threads of ctpack.") var threads = 2
  @Option(help: "The ctpack program.") var ctpack = ".build/release/ctpack"

  /// The seconds of one block, by part.
  private struct Block {
    let parts: [String: Double]
    var total: Double { parts.values.reduce(0, +) }
  }

  func run() throws {
    let folder = NSTemporaryDirectory() + "/ctpack-benchmark-time-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var last: (tokens: Int, seconds: Double, slope: Double?)?
    for count in windows {
      let blocks = try measure(folder, windows: count)
      let tokens = count * length
      let total = blocks.reduce(0) { $0 + $1.total }
      let parts = ["statistics", "forward", "solving"].map { part in
        "\(part) \(figure(median(blocks.map { $0.parts[part] ?? .nan }))) s"
      }
      let half = blocks.count / 2
      let halves = [blocks.prefix(half), blocks.suffix(half)].map { $0.reduce(0) { $0 + $1.total } }
      print(
        "\(tokens) tokens, \(blocks.count) blocks: \(figure(total)) s; a block (median)"
          + " \(parts.joined(separator: ", ")); second half of the blocks"
          + " \(figure(halves[1] / halves[0])) times the first")
      if let before = last {
        let slope = (total - before.seconds) / Double(tokens - before.tokens) * 1000
        let change = before.slope.map { ", \(figure(slope / $0)) times the one before" } ?? ""
        print(
          "  from \(before.tokens) tokens: \(figure(total / before.seconds)) times the time,"
            + " \(figure(slope)) s for 1000 tokens more\(change)")
        last = (tokens, total, slope)
      } else {
        last = (tokens, total, nil)
      }
    }
  }

  /// Compresses with `windows` windows and returns the blocks' times.
  private func measure(_ folder: String, windows: Int) throws -> [Block] {
    let current = FileManager.default.currentDirectoryPath
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : current + "/" + path }
    let recipe = """
      name: time-\(windows)
      model: \(absolute(model))
      calibration: {text: \(absolute(calibration)), windows: \(windows), length: \(length), selection: consecutive}
      compression: \(compression)
      """
    let path = folder + "/\(windows).yaml"
    try AtomicFile.write(recipe, to: path)
    // A separate work folder for each run, so that its ledger has only this run's blocks.
    let work = folder + "/\(windows)"
    let process = try Process.run(
      URL(fileURLWithPath: ctpack),
      arguments: [
        "run", path, "--work", work, "--until", "compress", "--threads", String(threads), "--quiet",
      ])
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(.internalError, "ctpack run stopped with \(process.terminationStatus)")
    }
    let ledger = work + "/ledger.jsonl"
    return try MappedFile(path: ledger).bytes.array.split(separator: UInt8(ascii: "\n")).compactMap
    {
      guard let parts = try JSON(parsing: Array($0), file: ledger)["parts"]?.object else {
        return nil
      }
      var seconds: [String: Double] = [:]
      for (name, value) in parts { seconds[name] = value.double }
      return Block(parts: seconds)
    }
  }
}
