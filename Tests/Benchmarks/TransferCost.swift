import ArgumentParser
import BundleFormat
import Bytes
import Foundation
import Prompts

/// The benchmark `transfer`: the cost of copying a prompt to a large bundle.
struct TransferCost: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transfer",
    abstract:
      "`ctpack transfer` to a bundle of about 1 GB: time of the whole command, bytes written.")

  @Option(help: "The ctpack program.") var ctpack = ".build/release/ctpack"
  @Option(help: "Size of the target in bytes.") var bytes = 1_000_000_000
  @Option(help: "Measured runs.") var runs = 5
  @Option(help: "Folder for the bundles.") var scratch: String = NSTemporaryDirectory()

  func run() throws {
    let source = scratch + "/ctpack-benchmark-source.ctpack"
    let target = scratch + "/ctpack-benchmark-target.ctpack"
    try LargeBundle.write(to: source, bytes: 1, prompts: 1)
    try LargeBundle.write(to: target, bytes: bytes, prompts: 0)
    defer {
      try? FileManager.default.removeItem(atPath: source)
      try? FileManager.default.removeItem(atPath: target)
    }
    let before = try written()
    _ = try Transfer(
      "prompt-0", from: ModelBundle(path: source), to: ModelBundle(path: target), as: "warm-up"
    )
    .write(allowUnvalidated: true)
    let bytesWritten = try written() - before
    var times: [Double] = []
    for run in 0..<runs {
      times.append(
        1000
          * (try seconds {
            let process = try Process.run(
              URL(fileURLWithPath: ctpack),
              arguments: ["transfer", source, target, "--as", "copy-\(run)", "--allow-unvalidated"])
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
              throw Failure(.internalError, "transfer stopped with \(process.terminationStatus)")
            }
          }))
    }
    var result = BenchmarkResult(
      name: "transfer onto \(figure(Double(bytes) / 1e9)) GB", unit: "ms", ours: times, peer: nil,
      goal: "under 100 ms and 1 MB written")
    result.notes = ["\(bytesWritten) bytes written for a prompt of 100 × \(LargeBundle.width)"]
    print(result.line)
  }

  /// Bytes that this process has passed to write calls so far.
  private func written() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/io", encoding: .utf8)
    for line in text.split(separator: "\n") where line.hasPrefix("wchar: ") {
      return Int(line.dropFirst(7)) ?? 0
    }
    throw Failure(.io, file: "/proc/self/io", "no count of written bytes")
  }
}
