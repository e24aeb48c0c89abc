import ArgumentParser
import Builds
import BundleFormat
import Bytes
import FoundationEssentials
import Logging
import Models
import Numerics
import Pipeline
import Text

/// Number of cores to use. Never changes a result.
struct ThreadOptions: ParsableArguments {
  @Option(help: "Cores to use (default: all). Results don't depend on it.")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...255).contains(threads) {
      throw ValidationError("--threads takes 1 to 255")
    }
  }

  /// For commands that run a model.
  func apply() {
    limit()
    BLAS.prepare()
  }

  /// For commands that only read and write files, which need no BLAS.
  func limit() {
    if let threads { Parallel.threads = threads }
  }
}

/// Amount of memory to use. Never changes a result.
struct MemoryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Memory to use, like 4GiB (default: half of the machine's, or a recipe's `memory`).",
      discussion: "What doesn't fit goes to files in the work folder. Results don't depend on it.",
      valueName: "amount"))
  var memory: String?

  var bytes: Int? { memory.flatMap(ByteAmount.parse) }

  func validate() throws {
    if memory != nil && bytes == nil {
      throw ValidationError("--memory takes an amount like 4GiB or 512MiB")
    }
  }
}

/// Amount of output on standard error.
struct VerbosityOptions: ParsableArguments {
  @Flag(help: "No progress, only errors.") var quiet = false
  @Flag(name: .shortAndLong, help: "Say more: kernels, files, keys.") var verbose = false

  func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
  }

  /// Progress of a build's stages.
  var buildProgress: BuildProgress { BuildProgress(style: style(color: true), isVerbose: verbose) }
  /// Progress of a single piece of work.
  var progress: BuildProgress { BuildProgress(style: style(color: false)) }

  private func style(color: Bool) -> BuildProgress.Style {
    if quiet { return .quiet }
    guard StandardStream.error.isTerminal else { return .plain }
    let none = ProcessInfo.processInfo.environment["NO_COLOR"] ?? ""
    return .redrawn(color: color && none.isEmpty)
  }

  var logger: Logger {
    var logger = Logger(label: "ctpack") { _ in StandardErrorLog() }
    logger.logLevel = quiet ? .error : verbose ? .debug : .notice
    return logger
  }
}

/// Log lines as sentences on standard error.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .notice

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    _ = try? StandardStream.error.write("ctpack: \(event.message)\n")
  }
}

extension Arithmetic: ExpressibleByArgument {}
