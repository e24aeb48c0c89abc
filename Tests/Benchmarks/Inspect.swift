import ArgumentParser
import BundleFormat
import Bytes
import Foundation

/// The benchmark `inspect`: the speed of checking a bundle.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "`ctpack inspect --verify fast` on a cached bundle of about 1 GB, in bytes per second and core."
  )

  @Option(help: "The ctpack program.") var ctpack = ".build/release/ctpack"
  @Option(help: "Size of the bundle in bytes.") var bytes = 1_000_000_000
  @Option(help: "Measured runs.") var runs = 5
  @Option(help: "Folder for the bundle.") var scratch: String = NSTemporaryDirectory()

  func run() throws {
    let path = scratch + "/ctpack-benchmark-inspect.ctpack"
    try LargeBundle.write(to: path, bytes: bytes, prompts: 1)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let size = Double(try MappedFile(path: path).bytes.count)
    var (rates, whole): ([Double], [Double]) = ([], [])
    for run in 0...runs {
      var before = rusage()
      var after = rusage()
      unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &before)
      let problems = try ModelBundle.audit(path: path, level: .fast)
      unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &after)
      guard problems.isEmpty else { throw Failure(.internalError, file: path, "\(problems)") }
      let process = try seconds {
        _ = try runToEnd(ctpack, ["inspect", path, "--verify", "fast", "--json"])
      }
      guard run > 0 else { continue }
      rates.append(size / (processorSeconds(after) - processorSeconds(before)) / 1e9)
      whole.append(process)
    }
    var result = BenchmarkResult(
      name: "inspect --verify fast, \(figure(size / 1e9)) GB", unit: "GB/s per core", ours: rates,
      peer: nil, goal: "5 GB/s or more per core")
    result.notes = [
      "per second of processor time", "the whole command takes \(figure(median(whole))) s",
    ]
    print(result.line)
  }

  private func processorSeconds(_ usage: rusage) -> Double {
    Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }
}
