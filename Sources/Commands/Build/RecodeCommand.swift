import ArgumentParser
import BundleFormat
import Bytes

struct RecodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recode",
    abstract: "Store a bundle's tensors entropy coded or directly mapped.",
    discussion: """
      mapped is for serving: kernels read the file where it lies, and nothing is decoded. coded is \
      for shipping and storing: tensors shrink to about the entropy of their codes, and are \
      decoded into memory, on all threads, when the model is loaded.

      Both hold the same numbers: digests, prompts and what they are bound to, evidence and \
      provenance stay as they are, and going back and forth gives the same bytes again. The \
      output appears complete or not at all; a file of its name is replaced. Every tensor is \
      checked against its SHA-256 on the way.
      """)

  @Argument(help: "The bundle to read; it is not changed.") var input: String
  @Argument(help: "The bundle to write; another file than the first.") var output: String
  @Option(help: "mapped or coded.") var storage: TensorStorage
  @Flag(help: "The result as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions

  func run() throws {
    threads.limit()
    let before = try ModelBundle(path: input)
    let digest = try BundleEditor.recode(input, to: output, storage: storage)
    let after = try ModelBundle(path: output)
    if json {
      return try Output.print([
        "output": .string(output), "storage": .string(after.storage.rawValue),
        "digest": .string(digest.hex), "before": Self.size(of: before),
        "after": Self.size(of: after),
      ])
    }
    try Output.print("\(output): tensors \(after.storage.rawValue), digest \(digest.hex)")
    let rows = [("before", before), ("after", after)].map { label, bundle in
      [
        label, bundle.storage.rawValue, "\(Figure.count(bundle.fileBytes)) bytes",
        "\(Figure.fixed(bundle.bitsPerWeight, 2)) bits per weight",
        "\(Figure.fixed(bundle.footprint.bitsPerWeight(.stored), 3)) in compressed layers",
      ]
    }
    try Output.print(Output.table(rows, right: [2, 3, 4]))
  }

  private static func size(of bundle: ModelBundle) -> JSON {
    [
      "storage": .string(bundle.storage.rawValue), "file_bytes": JSON(bundle.fileBytes),
      "bits_per_weight": .number(bundle.bitsPerWeight),
      "compressed_bits_per_weight": .number(bundle.footprint.bitsPerWeight(.stored)),
    ]
  }
}

extension TensorStorage: ExpressibleByArgument {}
