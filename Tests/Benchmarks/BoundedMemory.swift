import ArgumentParser
import Bytes
import Foundation
import Synchronization
import TestSupport

/// The benchmark `bounded-memory`: compression of a model that is larger than the memory given.
struct BoundedMemory: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Import, compress and package a LLaMA-7B-shaped checkpoint: peak memory, time per block.",
    discussion: """
      Writes the checkpoint first, unless --checkpoint names one (see llama-shape). Memory is sampled \
      50 times a second. The total includes pages of mapped files, which the system can drop at any \
      time; anonymous memory doesn't.
      """)

  @Option(help: "An existing checkpoint.") var checkpoint: String?
  @Option(help: "Blocks of the checkpoint to write (LLaMA-7B has 32).") var blocks = 2
  @Option(help: "Calibration windows.") var windows = 8
  @Option(help: "Tokens per window.") var length = 512
  @Option(help: "The recipe's `compression` section.") var compression =
    "{method: gptq, bits: 4, group_size: 64}"
  @Option(help: "Memory that ctpack may use (`--memory`).") var memory = "4GiB"
  @Option(help: "Threads of ctpack.") var threads = 2
  @Option(help: "The ctpack program.") var ctpack = ".build/release/ctpack"
  @Option(help: "Folder for all files.") var scratch = NSTemporaryDirectory()

  func run() throws {
    let folder = scratch + "/ctpack-benchmark-memory-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = checkpoint ?? folder + "/model"
    if checkpoint == nil { try LlamaCheckpoint(blocks: blocks).write(to: model) }
    // Twice as many words as tokens are needed; the tiny tokenizer makes short tokens.
    let text = TinyCheckpoint.text(words: 2 * windows * length + 100, seed: 1)
    try AtomicFile.write(text, to: folder + "/text.txt")
    let recipe = """
      name: bounded
      model: \(absolute(model))
      calibration: {text: text.txt, windows: \(windows), length: \(length), selection: consecutive}
      compression: \(compression)
      """
    try AtomicFile.write(recipe, to: folder + "/recipe.yaml")
    let (time, peak) = try build(folder)
    print(
      "from checkpoint to bundle with --memory \(memory): \(figure(time)) s, peak resident"
        + " \(figure(Double(peak.total) / 1e9)) GB, of which anonymous"
        + " \(figure(Double(peak.anonymous) / 1e9)) GB; goal: 4.29 GB")
    try report(folder + "/store/ledger.jsonl")
  }

  private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  /// Runs `ctpack run` as a process and samples its memory.
  ///
  /// - Returns: the time in seconds, and the peaks of resident and anonymous memory in bytes.
  private func build(
    _ folder: String
  ) throws -> (seconds: Double, peak: (total: Int, anonymous: Int)) {
    var peak = (total: 0, anonymous: 0)
    let time = try seconds {
      let process = try Process.run(
        URL(fileURLWithPath: ctpack),
        arguments: [
          "run", folder + "/recipe.yaml", "--work", folder + "/store", "--out",
          folder + "/bounded.ctpack", "--threads", String(threads), "--memory", memory, "-v",
        ])
      while process.isRunning {
        if let now = ProcessUsage.memory(of: process.processIdentifier) {
          peak = (max(peak.total, now.resident), max(peak.anonymous, now.anonymous))
        }
        usleep(20_000)
      }
      guard process.terminationStatus == 0 else {
        throw Failure(.internalError, "ctpack run stopped with \(process.terminationStatus)")
      }
    }
    return (time, peak)
  }

  /// Prints the time of each stage, a block's time by part, and estimates for 32 blocks and for 128 × 2048
  /// tokens.
  private func report(_ ledger: String) throws {
    let lines = try MappedFile(path: ledger).bytes.array.split(separator: UInt8(ascii: "\n"))
      .map { try JSON(parsing: Array($0), file: ledger) }
    for line in lines where line["outcome"] != nil {
      print(
        "  \(line["stage"]?.string ?? ""): \(figure(line["seconds"]?.double ?? .nan)) s,"
          + " peak so far \(figure((line["peak_memory"]?.double ?? .nan) / 1e9)) GB")
    }
    let blocks = lines.filter { $0["block"] != nil }
    func part(_ name: String) -> Double {
      median(blocks.map { $0["parts"]?[name]?.double ?? .nan })
    }
    let (statistics, solving, forward) = (part("statistics"), part("solving"), part("forward"))
    let spilled = blocks.last?["spilled"]?.double ?? 0
    print(
      "  a block (median of \(blocks.count)): statistics \(figure(statistics)) s, solving"
        + " \(figure(solving)) s, forward \(figure(forward)) s;"
        + " \(figure(spilled / 1e9)) GB of rows in files")
    let block = statistics + solving + forward
    let factor = Double(128 * 2048) / Double(windows * length)
    let full = (statistics + forward) * factor + solving
    print(
      "  32 blocks of \(windows) × \(length) tokens: \(figure(32 * block / 3600)) h; of 128 × 2048:"
        + " \(figure(full)) s a block, \(figure(32 * full / 3600)) h (without attention's longer"
        + " windows)")
  }
}
