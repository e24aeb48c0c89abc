import ArgumentParser
import Bytes
import Foundation

/// The benchmark `shared-machine`: how much longer a build takes where it doesn't have the machine to
/// itself.
struct SharedMachine: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Build a small bundle alone, two at once, and beside a program that takes one core.",
    discussion: """
      The build imports, compresses to 3 bits, learns a prompt with a few updates and measures; the \
      three cases run in turns. On two cores, two builds at once take at most twice as long as one, \
      because their work is twice as much. Beside a program that keeps one core busy, a build has one \
      and a half cores if it shares that core alone, and would take 1.33 times as long.
      """)

  @Option(help: "The model: a GGUF file or a Hugging Face folder.") var model: String
  @Option(help: "Folder with the texts c4-train.jsonl, c4-dev.jsonl and c4-validation.jsonl.")
  var texts = "Recipes/data"
  @Option(help: "Runs of each case.") var runs = 3
  @Option(help: "The ctpack program.") var ctpack = ".build/release/ctpack"
  @Option(help: "Folder for all files.") var scratch = NSTemporaryDirectory()

  func run() throws {
    let folder = scratch + "/ctpack-benchmark-shared-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try AtomicFile.write(recipe, to: folder + "/recipe.yaml")
    _ = try builds(1, in: folder)
    var alone: [Double] = []
    var together: [Double] = []
    var beside: [Double] = []
    for _ in 0..<runs {
      alone.append(try builds(1, in: folder))
      together.append(try builds(2, in: folder))
      beside.append(try besideNeighbour { try builds(1, in: folder) })
    }
    for (name, times, goal) in [
      ("build alone", alone, "the base of the others"),
      ("two builds at once", together, "no more than 2 times as long as one"),
      ("build beside a busy program", beside, "less than 1.6 times as long"),
    ] {
      var result = BenchmarkResult(name: name, unit: "s", ours: times, peer: nil, goal: goal)
      result.notes = ["\(figure(median(zip(times, alone).map { $0 / $1 }))) times as long as alone"]
      print(result.line)
    }
  }

  private var recipe: String {
    func absolute(_ path: String) -> String {
      path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }
    let data = absolute(texts)
    return """
      name: shared
      model: \(absolute(model))
      calibration: {text: \(data)/c4-train.jsonl, windows: 8, length: 256, selection: random}
      compression: {method: gptq, bits: 3, group_size: 64}
      prompt:
        name: c4
        tokens: 16
        text: \(data)/c4-train.jsonl
        init: text
        steps: 4
        batch: 4
        length: 256
        learning_rate: 0.03
        validation: {text: \(data)/c4-dev.jsonl, windows: 2, every: 2}
      evaluation:
        - {name: c4, text: \(data)/c4-validation.jsonl, windows: 2}
      """
  }

  /// Builds `count` bundles at once, each in a work folder of its own.
  ///
  /// - Returns: the mean of the builds' times, in seconds.
  private func builds(_ count: Int, in folder: String) throws -> Double {
    let start = ContinuousClock.now
    let processes = try (0..<count).map { number in
      try? FileManager.default.removeItem(atPath: "\(folder)/work-\(number)")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: ctpack)
      process.arguments = [
        "run", "\(folder)/recipe.yaml", "--work", "\(folder)/work-\(number)", "--out",
        "\(folder)/\(number).ctpack", "--force", "--quiet",
      ]
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      return process
    }
    var total = 0.0
    for process in processes {
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw Failure(.internalError, "ctpack run stopped with \(process.terminationStatus)")
      }
      total += (ContinuousClock.now - start) / .seconds(1)
    }
    return total / Double(count)
  }

  /// Runs `body` while a process without any pauses takes one core.
  private func besideNeighbour(_ body: () throws -> Double) throws -> Double {
    let neighbour = try Process.run(
      URL(fileURLWithPath: "/bin/sh"), arguments: ["-c", "while :; do :; done"])
    defer {
      neighbour.terminate()
      neighbour.waitUntilExit()
    }
    return try body()
  }
}
