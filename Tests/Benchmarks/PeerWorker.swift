import Bytes
import Foundation

/// A running peer program that does one piece of work per line of input, so that both programs can be
/// measured in turns.
final class PeerWorker {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var pending = Data()

  /// Starts `python script arguments…` and waits for its first line, which says that it is ready.
  init(python: String, script: String, arguments: [String]) throws {
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [script] + arguments
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    _ = try answer()
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// Runs a command.
  ///
  /// - Returns: the time in seconds by the peer's own clock, and the loss.
  func run(_ command: String) throws -> (seconds: Double, loss: Double) {
    try input.fileHandleForWriting.write(contentsOf: Data((command + "\n").utf8))
    let reply = try answer()
    guard let seconds = reply["seconds"]?.double, let loss = reply["loss"]?.double else {
      throw Failure(.internalError, "the peer answered \(command) without seconds and loss")
    }
    return (seconds, loss)
  }

  /// The next line of the peer's output, parsed as JSON.
  private func answer() throws -> JSON {
    while true {
      if let end = pending.firstIndex(of: 0x0A) {
        let line = Array(pending[pending.startIndex..<end])
        pending = Data(pending[pending.index(after: end)...])
        return try JSON(parsing: ByteSlice(line), file: "the peer's answer")
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else {
        throw Failure(
          .io, "the peer ended without an answer", advice: "run it by hand to see why")
      }
      pending += more
    }
  }
}

/// Runs a program to its end.
///
/// - Returns: the JSON value at the end of its standard output; lines before it are skipped.
func runToEnd(_ command: String, _ arguments: [String]) throws -> JSON {
  let process = Process()
  let output = Pipe()
  process.executableURL = URL(fileURLWithPath: command)
  process.arguments = arguments
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  try process.run()
  let text = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw Failure(
      .io, file: command, "stopped with status \(process.terminationStatus)",
      advice: "run it by hand: \(arguments.joined(separator: " "))")
  }
  let lines = text.split(separator: 0x0A)
  let start = lines.lastIndex { $0.first == UInt8(ascii: "{") } ?? 0
  return try JSON(
    parsing: ByteSlice(Array(lines[start...].joined(separator: [0x0A]))), file: command)
}
