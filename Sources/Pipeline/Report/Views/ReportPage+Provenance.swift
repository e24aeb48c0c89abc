import Bytes

/// The section on provenance: the base model, the steps of each recipe, the bundles, their prompts.
extension ReportPage {
  var provenance: Section? {
    let trees = bundles.groupedInOrder(by: \.baseModel).map { base, own -> HTML in
      let name = own.compactMap(\.baseModelName).first ?? "a model without a name"
      var words: [HTML] = [HTML("strong", text: name), " ", digest(base)]
      if let bytes = own.compactMap(\.sourceBytes).first {
        words.append(HTML(text: " " + Figure.bytes(bytes)))
      }
      return HTML(
        "ul", ["class": "tree"],
        [HTML("li", [:], words + [HTML("ul", [:], own.map(branch))])])
    }
    return Section("provenance", "Where it comes from", trees + bundles.map(identity))
  }

  private func branch(_ bundle: ReportBundle) -> HTML {
    var parts: [HTML] = []
    if bundle.stages.isEmpty {
      parts.append("no recorded build")
    } else {
      parts.append(
        HTML(
          "ol", ["class": "steps"],
          bundle.stages.map { stage in
            HTML("li", [:], [HTML(text: stage.name + " "), digest(stage.key)])
          }))
    }
    let prompts = bundle.prompts.map { prompt -> HTML in
      let texts = prompt.texts.map { "\($0.role): \($0.name)" }.joined(separator: ", ")
      var words: [HTML] = [
        HTML("strong", text: prompt.name), HTML(text: " \(prompt.label) "), digest(prompt.digest),
      ]
      words.append(
        HTML(
          "div", ["class": "muted"], text: prompt.trust + (texts.isEmpty ? "" : "; " + texts)))
      return HTML("li", [:], words)
    }
    let leaf = HTML(
      "li", [:],
      [
        HTML("strong", text: bundle.name), " ", digest(bundle.digest),
        HTML(text: " \(Figure.bytes(bundle.fileBytes))"),
        prompts.isEmpty ? .empty : HTML("ul", [:], prompts),
      ])
    return HTML("li", [:], parts + [HTML("ul", [:], [leaf])])
  }

  /// Whole digests and everything else that a bundle says of its making.
  private func identity(_ bundle: ReportBundle) -> HTML {
    var rows: [[HTML]] = [
      ["content", HTML("code", text: bundle.digest.hex)],
      ["weights", HTML("code", text: bundle.weights.hex)],
    ]
    if let base = bundle.baseModel { rows.append(["base model", HTML("code", text: base.hex)]) }
    if !bundle.design.isEmpty { rows.append(["model", HTML(text: bundle.design)]) }
    if !bundle.programVersion.isEmpty {
      rows.append(
        ["made by", HTML(text: "ctpack \(bundle.programVersion) with \(bundle.kernelClass)")])
    }
    rows += bundle.texts.map { text in
      [
        HTML(text: text.role),
        HTML([HTML(text: text.name + " "), HTML("code", text: text.digest.hex)]),
      ]
    }
    rows += bundle.stages.map { stage in
      [HTML(text: "stage " + stage.name), HTML("code", text: stage.key.hex)]
    }
    rows += bundle.events.map { event in
      [HTML(text: "event " + event.kind), HTML(text: "\(event.count) times")]
    }
    return folded(
      "\(bundle.name): all digests", [table("Record of \(bundle.name)", ["what", "value"], rows)])
  }
}
