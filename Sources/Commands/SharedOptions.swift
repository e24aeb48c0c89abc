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

/// Option for the number of threads. Results don't depend on it.
struct ThreadOptions: ParsableArguments {
  @Option(help: "Threads to use (default: one per core). Results don't depend on it.")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...255).contains(threads) {
      throw ValidationError("--threads takes 1 to 255")
    }
  }

  /// Sets the number of threads and prepares BLAS, for commands that run a model.
  func apply() {
    limit()
    BLAS.prepare()
  }

  /// Sets the number of threads, for commands that only read and write files and need no BLAS.
  func limit() {
    if let threads { Parallel.threads = threads }
  }
}

/// Option of commands that change a bundle.
struct OlderStateOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Change a bundle whose newest commit record is damaged; what it recorded is lost for good.",
      discussion:
        "Without it such a bundle is left alone; `ctpack recover` may save the newest state."))
  var acceptOlderState = false
}

/// A command that changes a bundle in place, or rewrites it.
protocol EditingCommand: ParsableCommand {
  /// Whether a damaged bundle may be changed.
  var olderState: OlderStateOptions { get }
}

/// Option for checking a model before it is used.
struct VerifyOptions: ParsableArguments {
  @Option(
    help:
      "Check a bundle before it is used: none, fast (every byte against its XXH3-128) or full (as `ctpack inspect`)."
  )
  var verify = Verification.none

  /// Checks the model's file at the chosen level; a checkpoint has no hashes to compare.
  /// - Throws: `invalidData` with the first fault; `usage` for a checkpoint.
  func check(_ file: ModelFile) throws(Failure) {
    guard verify != .none else { return }
    guard case .bundle(let bundle) = file else {
      throw Failure(
        .usage, file: file.path, at: "--verify", "only bundles have hashes to check",
        advice: "leave it out")
    }
    guard let fault = bundle.checkForUse(verify).first(where: { $0.severity == .error }) else {
      return
    }
    throw Failure(
      .invalidData, file: bundle.path, at: fault.place, fault.finding,
      advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
  }
}

/// Option for the amount of memory. Results don't depend on it.
struct MemoryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Memory to use, such as 4GiB (default: a recipe's `memory`, or half of the machine's).",
      discussion:
        "Intermediate data that doesn't fit is kept in files in the work folder. Results don't depend on it.",
      valueName: "amount"))
  var memory: String?

  /// The amount in bytes; nil without the option.
  var bytes: Int? { memory.flatMap(ByteAmount.parse) }

  func validate() throws {
    if memory != nil && bytes == nil {
      throw ValidationError("--memory takes an amount like 4GiB or 512MiB")
    }
  }
}

/// Option that allows an edited bundle to be replaced.
struct ReplacementOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Replace a bundle that was edited since it was built.",
      discussion: """
        Without it such a bundle is kept (exit status 73), unless it holds nothing else than the new one. \
        A bundle that another process is editing is never replaced (exit status 75).
        """))
  var force = false

  /// The rule for a file that is there already.
  var rule: ReplacementRule { force ? .any : .unedited }
}

/// Options for the amount of output on standard error.
struct VerbosityOptions: ParsableArguments {
  @Flag(help: "Print errors only, no progress.") var quiet = false
  @Flag(name: .shortAndLong, help: "Print details: kernels, files, stage keys.") var verbose = false

  func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
  }

  /// Progress display for a build's stages.
  var buildProgress: BuildProgress { BuildProgress(style: style(color: true), isVerbose: verbose) }
  /// Progress display for a single piece of work.
  var progress: BuildProgress { BuildProgress(style: style(color: false)) }

  private func style(color: Bool) -> BuildProgress.Style {
    if quiet { return .quiet }
    guard StandardStream.error.isTerminal else { return .plain }
    let none = ProcessInfo.processInfo.environment["NO_COLOR"] ?? ""
    return .redrawn(color: color && none.isEmpty)
  }

  /// A logger that writes to standard error.
  var logger: Logger {
    var logger = Logger(label: "ctpack") { _ in StandardErrorLog() }
    logger.logLevel = quiet ? .error : verbose ? .debug : .notice
    return logger
  }

  /// Writes notes about how a model or an adapter was read to standard error, unless `quiet`.
  func show(_ notes: [String]) {
    let logger = logger
    for note in notes { logger.notice("\(note)") }
  }
}

/// A log handler that writes each message to standard error as `ctpack: MESSAGE`.
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .notice

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    _ = try? StandardStream.error.write("ctpack: \(ShownText.line("\(event.message)"))\n")
  }
}

extension Arithmetic: ExpressibleByArgument {}
