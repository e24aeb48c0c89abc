import ArgumentParser
import BundleFormat
import Bytes

/// The command `ctpack recover`.
struct RecoverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Save what is intact in a damaged bundle into a new one.",
    discussion: """
      Every section that matches its hashes goes into a new sound bundle. The newest state whose \
      section table is left is taken: bundles hold a copy of header and table, and of each document, \
      so that damage to one page (4096 bytes) of those loses nothing. Tensors and prompts have no \
      copy. What can't be used without something that is lost is left out too, and where tensors are \
      lost, prompts are marked as never measured on these weights.

      Exit status 0: nothing is lost; 1: something is, by name; 65: nothing usable is left. The \
      damaged bundle is not changed.
      """)

  @Argument(help: "The damaged bundle.") var bundle: String
  @Argument(help: "The bundle to write; there must be no such file.") var out: String
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions

  func run() throws {
    threads.limit()
    let recovery = try BundleRecovery(bundle, to: out)
    if json {
      try Output.print(recovery.json(bundle, out))
    } else {
      try Output.print(recovery.page(bundle, out))
    }
    if !recovery.losses.isEmpty { throw ExitCode(1) }
  }
}

extension BundleRecovery {
  fileprivate func json(_ path: String, _ out: String) -> JSON {
    [
      "bundle": .string(path), "output": .string(out), "digest": .string(digest.hex),
      "generation": .integer(Int64(clamping: generation)), "complete": .bool(losses.isEmpty),
      "damaged": .array(damage.map(\.json)),
      "lost": .array(
        losses.map { ["section": .string($0.name), "reason": .string($0.reason)] }),
      "from_copies": JSON(fromCopies), "unvalidated": JSON(unvalidated),
    ]
  }

  fileprivate func page(_ path: String, _ out: String) -> [String] {
    var lines = ["\(out): generation \(generation) of \(path), digest \(digest.hex)"]
    lines += damage.isEmpty ? ["  nothing was damaged"] : damage.map { "  damaged: \($0)" }
    lines += fromCopies.map { "  from its copy: \($0)" }
    lines += unvalidated.map { "  marked as never measured on these weights: \($0)" }
    lines += losses.map { "  LOST: \($0.name): \($0.reason)" }
    lines.append(losses.isEmpty ? "nothing is lost" : "\(losses.count) lost")
    return lines
  }
}
