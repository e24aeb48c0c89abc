import BundleFormat
import Bytes

/// The parts of a model card about the file itself: its use, its origin and its licence.
extension ModelCard {
  private var file: String { description.file }

  var use: [String] {
    let name = PlainName.allows(file) ? file : "FILE"
    return [
      "## Use", "", "```sh",
      "ctpack inspect \(name) --verify full                  # checks every byte, and that the model can be used",
      "ctpack generate \(name) --prompt-text 'Once upon a time'",
      "ctpack eval \(name) --text TEXT.txt                   # measures it on a text of yours",
      "```",
      "",
    ]
  }

  var provenance: [String] {
    var rows = [
      ["this file, SHA-256", MarkdownText.escaped(file), hex(description.fileDigest)],
      ["content digest", "", hex(description.bundle.canonicalDigest)],
      ["weights digest", "", hex(description.bundle.weightsDigest)],
    ]
    var lines = ["## Provenance", ""]
    guard let provenance = description.provenance else {
      return lines + MarkdownText.table(["what", "name", "digest"], rows)
        + ["", "The file doesn't record what it was made from.", ""]
    }
    rows.append([
      "base model's weights", MarkdownText.escaped(provenance.baseModelName ?? ""),
      hex(provenance.baseModel),
    ])
    for source in provenance.sourceFiles {
      let size = source.bytes.map { ", \(Figure.bytes($0))" } ?? ""
      rows.append(["checkpoint\(size)", MarkdownText.escaped(source.name), hex(source.sha256)])
    }
    for data in description.data {
      rows.append([
        "text for " + MarkdownText.escaped(data.roles.joined(separator: ", ")),
        MarkdownText.escaped(data.name), hex(data.sha256),
      ])
    }
    if let recipe = provenance.recipe { rows.append(["recipe", "", hex(recipe)]) }
    for stage in provenance.stages {
      rows.append(["stage's key", MarkdownText.escaped(stage.name), hex(stage.key)])
    }
    lines += MarkdownText.table(["what", "name", "digest"], rows)
    lines += [
      "",
      "Built by ctpack \(MarkdownText.escaped(provenance.programVersion)) with the kernels"
        + " \(MarkdownText.code(provenance.kernelClass)). The same recipe, inputs, version and kernels give the"
        + " same bytes: `ctpack repro` builds the file again and compares.",
    ]
    if description.isEdited {
      lines.append("The file was edited since it was built: prompts, measurements or signatures.")
    }
    return lines + [""]
  }

  var licence: [String] {
    var lines = ["## Licence", ""]
    if let licence = description.statements.licence { lines.append(MarkdownText.escaped(licence)) }
    if let text = description.licenceText {
      lines += ["The file holds this text:", ""]
      // Indented by four spaces, so that nothing in it is markup.
      lines += text.split(separator: "\n", omittingEmptySubsequences: false).map {
        "    " + ShownText.line(String($0))
      }
    }
    if lines.count == 2 {
      lines.append("Not stated. A compressed model is under the terms of its base model.")
    }
    return lines
  }

  private func hex(_ digest: SHA256Digest) -> String { MarkdownText.code(digest.hex) }
}
