import ArgumentParser
import BundleFormat
import Bytes
import Foundation

/// The benchmark `coded-decode`: the bits per weight that coded storage saves, and its decoding speed.
struct CodedDecode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coded-decode",
    abstract: "Decoding the tensors of a coded bundle, in decoded bytes per second and core.")

  @Option(help: "The bundle.") var model: String
  @Option(help: "Measured runs.") var runs = 5
  @Option(help: "Folder for the coded bundle.") var scratch: String = NSTemporaryDirectory()

  func run() throws {
    let path = scratch + "/ctpack-benchmark-coded.ctpack"
    let coding = try seconds { try BundleEditor.recode(model, to: path, storage: .coded) }
    defer { try? FileManager.default.removeItem(atPath: path) }
    let bundle = try ModelBundle(path: path)
    let coded = bundle.sections.filter { $0.codec == .blocks }
    var notes: [String] = []
    let (entropy, footprint) = (try bundle.codeEntropy(), try bundle.footprint())
    for (label, form) in [("stored", Footprint.Form.stored), ("mapped", .mapped)] {
      let total = footprint.bitsPerWeight(form)
      notes.append("\(String(format: "%.3f", total)) bits per weight \(label)")
    }
    notes.append("codes \(String(format: "%.3f", footprint.bitsPerWeight(.codes, .stored)))")
    notes.append("their entropy \(String(format: "%.3f", entropy.codes))")
    notes.append("coding took \(figure(coding)) s")
    for type in [SectionType.tensorCodes, .tensorScales, .tensorZeros, .tensorDense] {
      let own = coded.filter { $0.type == type }
      let size = Double(own.reduce(0) { $0 + $1.rawSize })
      guard size > 0 else { continue }
      var rates: [Double] = []
      for run in 0...runs {
        // Opened anew for each run, because a bundle keeps decoded sections that are in use.
        let fresh = try ModelBundle(path: path)
        // Codes are sorted by zero points, so these are decoded first, outside the measurement.
        let held =
          type == .tensorCodes
          ? try fresh.sections(of: .tensorZeros).map { try fresh.bytes(of: $0) } : []
        let before = processorSeconds()
        for section in own { _ = try fresh.bytes(of: section) }
        let spent = processorSeconds() - before
        withExtendedLifetime(held) {}
        if run > 0 { rates.append(size / spent / 1e9) }
      }
      var result = BenchmarkResult(
        name: "decoding \(type), \(figure(size / 1e6)) MB", unit: "GB/s per core", ours: rates,
        peer: nil, goal: "none")
      result.notes = ["per second of processor time"]
      print(result.line)
    }
    print(notes.joined(separator: ", "))
  }

  private func processorSeconds() -> Double {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }
}
