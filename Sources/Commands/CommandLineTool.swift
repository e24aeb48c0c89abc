import ArgumentParser
import BundleFormat
import Bytes
import Foundation
import Pipeline

/// The root command, `ctpack`, and its subcommands.
struct CTPack: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctpack",
    abstract:
      "Compress a language model, learn a prompt for it, and ship both in one checked file.",
    discussion: """
      Exit status: 0 done; 1 a quality gate or a policy was not met, two bundles differ, or not all \
      was recovered; 64 wrong \
      usage; 65 invalid data; 66 input missing; 70 internal error; 73 output can't be created; 74 \
      I/O error; 75 busy; 130 stopped, resumable.
      """,
    version: ProgramVersion.current,
    subcommands: [
      RunCommand.self, StatusCommand.self, RecipeCommand.self, InspectCommand.self,
      DiffCommand.self,
      EvalCommand.self,
      TokenizeCommand.self, PromptCommand.self, TransferCommand.self, RecodeCommand.self,
      CompactCommand.self, GenerateCommand.self, SignCommand.self, VerifyCommand.self,
      RecoverCommand.self,
    ])
}

/// The program: parses the arguments, runs a command and ends with an exit status.
package enum CommandLineTool {
  /// Runs the command that the process's arguments name.
  package static func main() -> Never {
    MappedFile.installTruncationGuard(exitStatus: Failure.Kind.io.exitStatus)
    StopSignal.install(exitStatus: Failure.Kind.interrupted.exitStatus)
    var command: any ParsableCommand
    do {
      command = try CTPack.parseAsRoot()
    } catch {
      CTPack.exit(withError: error)
    }
    do {
      DamageReport.start()
      if let editing = command as? any EditingCommand, editing.olderState.acceptOlderState {
        try OlderState.$isAccepted.withValue(true) { try command.run() }
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      exit(report(failure))
    } catch let code as ExitCode {
      exit(code.rawValue)
    } catch {
      // The parser itself prints help, the version and mistakes in arguments.
      let code = CTPack.exitCode(for: error)
      if code == .success || code == .validationFailure { CTPack.exit(withError: error) }
      exit(report(Failure(.internalError, "unexpected: \(error)", advice: "please report this")))
    }
    exit(0)
  }

  /// Writes a failure to standard error as one line and returns its exit status.
  static func report(_ failure: Failure) -> Int32 {
    _ = try? StandardStream.error.write("ctpack: \(failure.namingOptions)\n")
    return failure.kind.exitStatus
  }
}

/// A command's results on standard output.
enum Output {
  /// Writes text and a newline. The program ends with status 0 if the reader has closed the pipe.
  static func print(_ text: String) throws(Failure) {
    guard try StandardStream.output.write(text + "\n") else { exit(0) }
  }

  /// Writes text without a newline. The program ends with status 0 if the reader has closed the pipe.
  static func write(_ text: String) throws(Failure) {
    guard try StandardStream.output.write(text) else { exit(0) }
  }

  /// Writes a JSON value, indented.
  static func print(_ json: JSON) throws(Failure) {
    try print(DamageReport.adding(to: json).prettyText)
  }

  /// The widest column, in characters, that a table is aligned to: one long name must not fill every
  /// row with spaces.
  private static let widestColumn = 256

  /// A table with aligned columns; columns whose index is in `right` are right-aligned.
  static func table(_ rows: [[String]], indent: String = "  ", right: Set<Int> = []) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.compactMap { $0.indices.contains(column) ? min($0[column].count, widestColumn) : nil }
        .max() ?? 0
    }
    return rows.map { row in
      var line = indent
      for (column, cell) in row.enumerated() {
        let pad = String(repeating: " ", count: max(0, widths[column] - cell.count))
        line += right.contains(column) ? pad + cell : cell + pad
        if column < row.count - 1 { line += "  " }
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
