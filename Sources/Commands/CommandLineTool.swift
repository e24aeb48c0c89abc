import ArgumentParser
import BundleFormat
import Bytes
import CProcess
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
      was recovered; 64 wrong usage; 65 invalid data; 66 input missing; 70 internal error; 71 out of \
      memory; 73 output can't be created; 74 I/O error; 75 busy; 130 stopped, resumable.
      """,
    version: ProgramVersion.current,
    subcommands: [
      RunCommand.self, StatusCommand.self, CleanCommand.self, ReproCommand.self, RecipeCommand.self,
      InspectCommand.self, DiffCommand.self, ReportCommand.self, EvalCommand.self,
      TaskCommand.self, TokenizeCommand.self, BenchCommand.self, SimilarityCommand.self,
      PromptCommand.self, TransferCommand.self, RecodeCommand.self, CompactCommand.self,
      GenerateCommand.self, SignCommand.self, VerifyCommand.self, ProvenanceCommand.self,
      RecoverCommand.self,
    ])
}

/// The program: parses the arguments, runs a command and ends with an exit status.
package enum CommandLineTool {
  /// Runs the command that the process's arguments name.
  package static func main() -> Never {
    // First of all: otherwise a file of the program gets the number of a closed standard stream,
    // and messages are written into it.
    guard ctk_open_standard_descriptors() == 0 else { end(MemoryShortage.exitStatus) }
    ctk_install_memory_guard(MemoryShortage.exitStatus)
    MappedFile.installTruncationGuard(exitStatus: Failure.Kind.io.exitStatus)
    StopSignal.install(exitStatus: Failure.Kind.interrupted.exitStatus)
    do {
      var command = try CTPack.parseAsRoot(arguments())
      let kind = type(of: command)
      guard kind.configuration.subcommands.isEmpty else {
        // A group of commands without the one that is meant.
        _ = try? StandardStream.error.write(CTPack.helpMessage(for: kind) + "\n")
        end(Failure.Kind.usage.exitStatus)
      }
      DamageReport.start()
      if let editing = command as? any EditingCommand, editing.olderState.acceptOlderState {
        try OlderState.$isAccepted.withValue(true) { try command.run() }
      } else {
        try command.run()
      }
    } catch let failure as Failure {
      end(report(failure))
    } catch let code as ExitCode {
      end(code.rawValue)
    } catch let error as CocoaError {
      let file = error.filePath
      end(report(Failure(.io, file: file, "can't be read or written (\(error.code.rawValue))")))
    } catch {
      end(reportParsing(error))
    }
    end(0)
  }

  /// The arguments, without the program's name.
  ///
  /// - Throws: `usage` for one that isn't UTF-8.
  private static func arguments() throws(Failure) -> [String] {
    let count = Int(ctk_argument_count())
    // Without the start-up code, as in a program that is linked in another way.
    guard count > 0 else { return Array(CommandLine.arguments.dropFirst()) }
    var arguments: [String] = []
    for index in 1..<max(1, count) {
      guard let bytes = unsafe ctk_argument(Int32(index)),
        let text = unsafe String(validatingCString: bytes)
      else {
        throw Failure(
          .usage, "argument \(index) isn't UTF-8", advice: "rename the file that it names")
      }
      arguments.append(text)
    }
    return arguments
  }

  /// Writes a failure to standard error as one line and returns its exit status.
  static func report(_ failure: Failure) -> Int32 {
    _ = try? StandardStream.error.write("ctpack: \(failure.namingOptions)\n")
    return failure.kind.exitStatus
  }

  /// Writes what the parser has to say (help, the version, mistakes in arguments) and returns the
  /// exit status.
  private static func reportParsing(_ error: any Error) -> Int32 {
    let code = CTPack.exitCode(for: error)
    guard code == .success || code == .validationFailure else {
      return report(Failure(.internalError, "unexpected: \(error)", advice: "please report this"))
    }
    let text = CTPack.fullMessage(for: error)
    let stream: StandardStream = code == .success ? .output : .error
    do throws(Failure) {
      // The message may quote an argument.
      if !text.isEmpty { try stream.write(ShownText.lines(text) + "\n") }
    } catch {
      return report(error)
    }
    return code.rawValue
  }

  /// Ends the process without the endings of libraries: OpenBLAS waits for its threads, which wait
  /// for memory without an end where there is too little.
  static func end(_ status: Int32) -> Never { _exit(status) }
}

/// A command's results on standard output. All text passes through here, and what a terminal would
/// obey is spelled out (`ShownText`): names and texts of files are among it. Generated texts alone go
/// into files and pipes as they are.
enum Output {
  /// Writes one line.
  static func print(_ line: String) throws(Failure) { try print([line]) }

  /// Writes lines. The program ends with status 0 if the reader has closed the pipe.
  static func print(_ lines: [String]) throws(Failure) {
    try put(lines.map { ShownText.line($0) + "\n" }.joined())
  }

  /// Writes text, whose line feeds and tabs stay as they are, without a newline at its end.
  static func write(_ text: String) throws(Failure) { try put(ShownText.lines(text)) }

  /// Writes a generated text without a newline at its end. A terminal gets its line feeds and tabs as
  /// they are and the rest of what it would obey spelled out; a file or a pipe gets every byte, because
  /// there the text is data.
  static func write(generated text: String) throws(Failure) {
    try put(StandardStream.output.isTerminal ? ShownText.lines(text) : text)
  }

  /// Writes a JSON value, indented.
  static func print(_ json: JSON) throws(Failure) {
    try put(DamageReport.adding(to: json).shownText + "\n")
  }

  private static func put(_ text: String) throws(Failure) {
    guard try StandardStream.output.write(text) else { CommandLineTool.end(0) }
  }

  /// The widest column, in characters, that a table is aligned to: one long name must not fill every
  /// row with spaces.
  private static let widestColumn = 256

  /// The lines of a table with aligned columns; columns whose index is in `right` are
  /// right-aligned.
  static func table(
    _ rows: [[String]], indent: String = "  ", right: Set<Int> = []
  ) -> [String] {
    // Spelled out before it is measured.
    let rows = rows.map { $0.map(ShownText.line) }
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
    }
  }
}
