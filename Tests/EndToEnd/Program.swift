import Bytes
import Foundation
import TestSupport

/// The real `ctpack`, run as a separate process in a folder.
struct Program {
  /// The program's path: the build puts it beside the test runner.
  static let path: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/ctpack"
  }()

  /// A finished run.
  struct Result {
    /// The exit status; -1 if a signal ended the process.
    let status: Int32
    let output: String
    let errors: String

    /// The output parsed as JSON; null if it isn't JSON.
    var json: JSON { (try? JSON(parsing: Array(output.utf8))) ?? .null }
  }

  let folder: TemporaryFolder

  /// Runs the program to its end.
  func callAsFunction(_ arguments: String...) throws -> Result { try run(arguments) }

  /// Runs the program to its end.
  ///
  /// - Parameter shell: commands for a shell that then replaces itself by the program.
  func run(_ arguments: [String], shell prefix: String? = nil) throws -> Result {
    let running = try Running(arguments, in: folder, shell: prefix)
    return running.wait()
  }

  /// The words of every command that help lists, groups of commands included, from the program's own
  /// description; the first is the program itself, without a word.
  func commands() throws -> [[String]] {
    let description = try self("--experimental-dump-help").json
    func listed(_ command: JSON, _ words: [String]) -> [[String]] {
      guard command["shouldDisplay"]?.bool != false else { return [] }
      return [words]
        + (command["subcommands"]?.array ?? []).flatMap { child in
          listed(child, words + [child["commandName"]?.string ?? ""])
        }
    }
    return listed(description["command"] ?? .null, []).filter { $0 != ["help"] }
  }

  /// A process that a test may interrupt.
  final class Running {
    private let process = Process()
    private let output: String
    private let errors: String

    /// Starts the program.
    ///
    /// - Parameter shell: commands for a shell that then replaces itself by the program.
    init(_ arguments: [String], in folder: TemporaryFolder, shell prefix: String? = nil) throws {
      let id = UUID().uuidString
      output = folder.file(".output-" + id)
      errors = folder.file(".errors-" + id)
      if let prefix {
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", prefix + "; exec \"$0\" \"$@\"", Program.path] + arguments
      } else {
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = arguments
      }
      process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
      process.standardInput = FileHandle.nullDevice
      for path in [output, errors] { try Data().write(to: URL(fileURLWithPath: path)) }
      process.standardOutput = FileHandle(forWritingAtPath: output)
      process.standardError = FileHandle(forWritingAtPath: errors)
      try process.run()
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    var isRunning: Bool { process.isRunning }

    /// Waits until the process ends.
    func wait() -> Result {
      process.waitUntilExit()
      return Result(
        status: process.terminationReason == .exit ? process.terminationStatus : -1,
        output: (try? String(contentsOfFile: output, encoding: .utf8)) ?? "",
        errors: (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "")
    }
  }
}

/// A temporary folder with a tiny model, three texts and a recipe, and the program that runs in it.
struct Workshop {
  let folder: TemporaryFolder
  let ctpack: Program

  init() throws {
    folder = try TemporaryFolder()
    ctpack = Program(folder: folder)
    try TinyCheckpoint().write(to: folder)
    try folder.write("train.txt", TinyCheckpoint.text(words: 1500, seed: 1))
    try folder.write("dev.txt", TinyCheckpoint.text(words: 400, seed: 2))
    try folder.write("test.txt", TinyCheckpoint.text(words: 400, seed: 3))
    try folder.write("small.yaml", Self.recipe())
  }

  /// A recipe with all stages: import, calibrate, compress, prompt, verify, gate, package.
  static func recipe(
    bits: Int = 3, gate: String = "{max_ratio_to_full: 100}", model: String = "model"
  ) -> String {
    """
    name: small
    model: \(model)
    calibration: {text: train.txt, windows: 8, length: 32}
    compression: {bits: \(bits), group_size: 16}
    prompt:
      tokens: 4
      steps: 12
      batch: 2
      length: 16
      warmup: 2
      validation: {text: dev.txt, windows: 4, every: 4}
    evaluation:
      - {name: held-out, text: test.txt, protocol: ctp-32, windows: 12, divergence: true}
      - {name: dev, text: dev.txt, protocol: llamacpp-32, windows: 6}
    gate: \(gate)
    output: small.ctpack
    """
  }

  /// The SHA-256 of a file, in hex.
  func digest(_ name: String) throws -> String {
    SHA256Digest(hashing: try folder.read(name)).hex
  }
}
