import ArgumentParser
import Bytes
import Foundation
import Pipeline

/// `ctpack`: the root of all commands.
struct CTPack: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctpack",
    abstract:
      "Compress a language model, learn a prompt for it, and ship both in one checked file.",
    discussion: """
      Exit status: 0 done; 1 a quality gate was not met; 64 wrong usage; 65 invalid data; 66 input \
      missing; 70 internal error; 73 output can't be created; 74 I/O error; 75 busy; 130 stopped.
      """,
    version: ProgramVersion.current,
    subcommands: [
      RunCommand.self, StatusCommand.self, RecipeCommand.self, InspectCommand.self, DiffCommand.self,
      EvalCommand.self,
      TokenizeCommand.self, PromptCommand.self, TransferCommand.self, RecodeCommand.self,
      CompactCommand.self, GenerateCommand.self,
    ])
}

/// The program from its arguments to its exit status.
package enum CommandLineTool {
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
      try command.run()
    } catch let failure as Failure {
      exit(report(failure))
    } catch let code as ExitCode {
      exit(code.rawValue)
    } catch {
      // Help, the version and mistakes in arguments are the parser's to print.
      let code = CTPack.exitCode(for: error)
      if code == .success || code == .validationFailure { CTPack.exit(withError: error) }
      exit(report(Failure(.internalError, "unexpected: \(error)", advice: "please report this")))
    }
    exit(0)
  }

  /// One sentence on standard error; the status that goes with it.
  static func report(_ failure: Failure) -> Int32 {
    _ = try? StandardStream.error.write("ctpack: \(failure.namingOptions)\n")
    return failure.kind.exitStatus
  }
}

/// Results on standard output.
enum Output {
  /// Writes lines; ends the program quietly where nobody reads them.
  static func print(_ text: String) throws(Failure) {
    guard try StandardStream.output.write(text + "\n") else { exit(0) }
  }

  static func write(_ text: String) throws(Failure) {
    guard try StandardStream.output.write(text) else { exit(0) }
  }

  static func print(_ json: JSON) throws(Failure) { try print(json.prettyText) }

  /// Lines aligned in columns; the columns in `right` are set flush right.
  static func table(_ rows: [[String]], indent: String = "  ", right: Set<Int> = []) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.compactMap { $0.indices.contains(column) ? $0[column].count : nil }.max() ?? 0
    }
    return rows.map { row in
      var line = indent
      for (column, cell) in row.enumerated() {
        let pad = String(repeating: " ", count: widths[column] - cell.count)
        line += right.contains(column) ? pad + cell : cell + pad
        if column < row.count - 1 { line += "  " }
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
