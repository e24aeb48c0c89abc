import ArgumentParser
import BundleFormat
import Bytes

/// The command `ctpack recode`.
struct RecodeCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "recode",
    abstract: "Copy a bundle with its tensors entropy coded (smaller) or mapped (ready to use).",
    discussion: """
      mapped is for serving: kernels read tensors straight from the file, without decoding. coded is \
      for shipping and storage: tensors shrink to about the entropy of their codes and are decoded into \
      memory, on all threads, when the model is loaded.

      Both forms hold the same numbers. Digests, prompts and their bindings, evidence and provenance \
      don't change, and converting back restores the same bytes. The output is written in full or not \
      at all; an existing file of its name is replaced, unless it is a bundle with edits (--force). Every tensor is checked against its SHA-256 as \
      it is copied.
      """)

  @Argument(help: "The bundle to read; it is not changed.") var input: String
  @Argument(help: "The bundle to write; must be a different file.") var output: String
  @Option(help: "mapped or coded.") var storage: TensorStorage
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var replacement: ReplacementOptions
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions

  func run() throws {
    threads.limit()
    let before = try ModelBundle(path: input)
    let digest = try BundleEditor.recode(
      input, to: output, storage: storage, replacing: replacement.rule)
    let after = try ModelBundle(path: output)
    if json {
      return try Output.print([
        "output": .string(output), "storage": .string(after.storage.rawValue),
        "digest": .string(digest.hex), "before": try Self.size(of: before),
        "after": try Self.size(of: after),
      ])
    }
    try Output.print("\(output): tensors \(after.storage.rawValue), digest \(digest.hex)")
    let rows = try [("before", before), ("after", after)].map { label, bundle in
      [
        label, bundle.storage.rawValue, "\(Figure.count(bundle.fileBytes)) bytes",
        "\(Figure.fixed(bundle.bitsPerWeight, 2)) bits per weight",
        "\(Figure.fixed(try bundle.footprint().bitsPerWeight(.stored), 3)) in compressed layers",
      ]
    }
    try Output.print(Output.table(rows, right: [2, 3, 4]))
  }

  private static func size(of bundle: ModelBundle) throws -> JSON {
    [
      "storage": .string(bundle.storage.rawValue), "file_bytes": JSON(bundle.fileBytes),
      "bits_per_weight": .number(bundle.bitsPerWeight),
      "compressed_bits_per_weight": .number(try bundle.footprint().bitsPerWeight(.stored)),
    ]
  }
}

extension TensorStorage: ExpressibleByArgument {}
