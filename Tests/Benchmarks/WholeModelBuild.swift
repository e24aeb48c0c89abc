import Bytes
import Foundation

/// A whole compression by the `ctpack` program, from the checkpoint to the packed bundle.
struct WholeModelBuild {
  let common: CommonOptions
  let ctpack: String
  /// The path of the calibration text, .jsonl.
  let calibration: String
  let windows: Int
  /// Tokens per window.
  let length: Int
  /// The recipe's `compression` section, in YAML's flow style.
  let compression: String

  /// Builds the bundle and measures it.
  ///
  /// - Returns: the process's time in seconds, import and tokenizing included, and the perplexity of
  ///   `evaluated` windows of 1024 tokens of `heldOut`.
  func run(
    in folder: String, heldOut: String, evaluated: Int
  ) throws -> (seconds: Double, perplexity: Double) {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let current = FileManager.default.currentDirectoryPath
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : current + "/" + path }
    let recipe = """
      name: benchmark
      model: \(absolute(common.model))
      calibration:
        text: \(absolute(calibration))
        windows: \(windows)
        length: \(length)
        selection: consecutive
      compression: \(compression)
      """
    let path = folder + "/recipe.yaml"
    try Data(recipe.utf8).write(to: URL(fileURLWithPath: path))
    let bundle = folder + "/benchmark.ctpack"
    let time = try seconds {
      let process = try Process.run(
        URL(fileURLWithPath: ctpack),
        arguments: [
          "run", path, "--work", folder + "/work", "--out", bundle, "--threads",
          String(common.threads), "--quiet",
        ])
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw Failure(.internalError, "ctpack run stopped with \(process.terminationStatus)")
      }
    }
    let answer = try runToEnd(
      ctpack, ["eval", bundle, "--text", heldOut, "--windows", String(evaluated), "--json"])
    return (time, answer["ppl"]?.double ?? .nan)
  }
}
