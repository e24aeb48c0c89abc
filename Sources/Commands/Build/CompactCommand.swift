import ArgumentParser
import BundleFormat
import Bytes

struct CompactCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Rewrite a bundle into its canonical form, without what edits left behind.",
    discussion: """
      Adding, transferring and removing prompts appends to the file and leaves what was replaced \
      in it. This writes everything anew, in the order that a fresh bundle has: two bundles with the \
      same content are then the same to the byte, and the digest stays what it was. Tensors stay \
      mapped or coded as they are (`ctpack recode` changes that), and every section is checked against \
      its XXH3-128 on the way.

      The result appears complete or not at all. Without --out it takes the bundle's place; until it \
      does, the disk holds both.
      """)

  @Argument(help: "The bundle; replaced in one step where --out is absent.") var bundle: String
  @Option(help: "The file to write instead; the bundle stays as it is.") var out: String?
  @Flag(help: "The result as JSON.") var json = false
  @OptionGroup var threads: ThreadOptions

  func run() throws {
    threads.limit()
    let before = try ModelBundle(path: bundle)
    let (bytes, generation) = (before.fileBytes, before.generation)
    let target = out ?? bundle
    let digest = try BundleEditor.compact(bundle, to: target)
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
