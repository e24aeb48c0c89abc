import Foundation
import TestSupport

/// Formats/reader.py, the second reader, run as a program.
enum PythonReader {
  static let formats = RealModel.packageRoot + "/Formats"
  static let reader = formats + "/reader.py"

  static let python: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/usr/local/bin")
      .split(separator: ":")
    return folders.map { "\($0)/python3" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }()

  static let skipReason = "python3 isn't on the PATH, so the second reader can't be run"

  static func run(_ arguments: [String], script: String = reader) throws -> (
    status: Int32, output: [UInt8], errors: String
  ) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python ?? "/nonexistent")
    process.arguments = [script] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["PYTHONDONTWRITEBYTECODE": "1"]) { $1 }
    let output = Pipe()
    let folder = try TemporaryFolder()
    // Errors go to a file: two pipes read one after the other can block each other.
    let errors = folder.file("errors")
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.standardOutput = output
    process.standardError = FileHandle(forWritingAtPath: errors)
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
    return (process.terminationStatus, [UInt8](data), text)
  }
}
