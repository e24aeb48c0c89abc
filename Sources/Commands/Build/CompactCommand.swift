import ArgumentParser
import BundleFormat
import Bytes

/// The command `ctpack compact`.
struct CompactCommand: EditingCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Rewrite a bundle in canonical form, without the unused space that edits leave.",
    discussion: """
      Adding, transferring and removing prompts appends to the file; what they replace stays in it \
      as unused space. Compacting writes the content anew in the order of a fresh bundle, so that two \
      bundles with the same content become identical byte for byte. The digest doesn't change. Tensors \
      stay mapped or coded (`ctpack recode` changes that). Every section is checked against its \
      XXH3-128 as it is copied.

      The output is written in full or not at all. Without --out it replaces the bundle; until then the \
      disk holds both files. The file's mode and owner stay, and a symbolic link still leads to it; other \
      hard links of it keep the old file.
      """)

  @Argument(help: "The bundle; replaced in one step unless --out is given.") var bundle: String
  @Option(help: "File to write instead; the bundle is not changed.") var out: String?
  @Flag(help: "Print the result as JSON.") var json = false
  @OptionGroup var replacement: ReplacementOptions
  @OptionGroup var olderState: OlderStateOptions
  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    if replacement.force, out == nil {
      throw ValidationError("--force goes with --out: the bundle itself is always replaced")
    }
  }

  func run() throws {
    threads.limit()
    let before = try ModelBundle(path: bundle)
    let (bytes, generation) = (before.fileBytes, before.generation)
    let target = out ?? bundle
    let digest = try BundleEditor.compact(bundle, to: target, replacing: replacement.rule)
    let after = try ModelBundle(path: target)
    if json {
      return try Output.print([
        "output": .string(target), "digest": .string(digest.hex),
        "before": [
          "file_bytes": JSON(bytes), "generation": .integer(Int64(clamping: generation)),
        ],
        "after": [
          "file_bytes": JSON(after.fileBytes),
          "generation": .integer(Int64(clamping: after.generation)),
        ],
      ])
    }
    try Output.print("\(target): digest \(digest.hex)")
    try Output.print(
      "  \(Figure.count(bytes)) bytes (generation \(generation)) before,"
        + " \(Figure.count(after.fileBytes)) after")
  }
}
