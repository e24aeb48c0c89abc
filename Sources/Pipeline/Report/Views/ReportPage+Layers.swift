import Bytes

/// The section on damage by layer: maps of blocks and layers, and every tensor in a tree.
extension ReportPage {
  var layers: Section? {
    let content = forEachBundle { bundle in
      guard !bundle.layers.isEmpty else { return [] }
      let maps = LayerMap.all(bundle.layers).map { map in
        drawing(map, bundle.layersProtocol)
      }
      return maps + similarities(bundle) + [tree(bundle)]
    }
    return Section("layers", "Layer by layer", content)
  }

  /// A map: a row for each kind of layer, a column for each block. Its table is the tree below.
  private func drawing(_ map: LayerMap, _ number: Int?) -> HTML {
    var cells: [HTML] = []
    for (row, name) in map.names.enumerated() {
      cells.append(HTML("span", ["class": "name"], text: name))
      for block in 0..<map.blocks {
        guard let value = map.values[row][block] else {
          cells.append(HTML("span", ["class": "cell none"]))
          continue
        }
        let level = map.level(of: value)
        cells.append(
          HTML(
            "span",
            ["class": "cell t\(level)", "title": "block \(block), \(name): \(map.shown(value))"]))
      }
    }
    cells.append(HTML("span", ["class": "name"]))
    let step = map.blocks <= 12 ? 1 : map.blocks <= 40 ? 5 : 10
    for block in 0..<map.blocks {
      cells.append(HTML("span", ["class": "axis"], text: block % step == 0 ? "\(block)" : ""))
    }
    let grid = HTML(
      "div",
      [
        "class": map.isError ? "map" : "map facts", "role": "img", "aria-label": map.sentence,
        "style": "--blocks:\(map.blocks)",
      ],
      cells)
    let link = map.isError ? number.map { [HTML(text: " "), protocolLink($0)] } ?? [] : []
    return HTML(
      "figure", ["class": "card"],
      [
        HTML("figcaption", [:], [HTML(text: map.title + ": " + map.sentence)] + link), grid,
        HTML("p", ["class": map.isError ? "legend" : "legend facts"], legend(map)),
      ])
  }

  private func legend(_ map: LayerMap) -> [HTML] {
    var parts: [HTML] = []
    for level in 0..<LayerMap.levels {
      guard let range = map.range(of: level) else { continue }
      parts.append(
        HTML(
          "span", ["class": "one"],
          [HTML("span", ["class": "cell t\(level)"]), HTML(text: " \(range)")]))
      parts.append(" ")
    }
    return parts
  }

  private func similarities(_ bundle: ReportBundle) -> [HTML] {
    bundle.similarities.groupedInOrder(by: \.quantity).map { quantity, own in
      var links: [HTML] = []
      var seen: Set<Int> = []
      for entry in own where seen.insert(entry.protocol).inserted {
        links += [" ", protocolLink(entry.protocol)]
      }
      let chart = LineChart(
        series: own.map { entry in
          LineChart.Series(
            entry.condition, entry.values.enumerated().map { (Double($0.offset), $0.element) })
        }, across: "block", up: "cosine similarity to the full model’s \(quantity)")
      return HTML(
        "figure", ["class": "card"],
        [
          HTML(
            "figcaption", [:],
            [HTML(text: "Similarity of \(quantity) to the full model’s, block by block")] + links),
          chart.drawing,
          chart.table(of: "Similarity of \(quantity)", in: self) { Figure.fixed($0, 4) },
        ])
    }
  }

  private func tree(_ bundle: ReportBundle) -> HTML {
    var blocks: [Int: [ReportLayer]] = [:]
    var outside: [ReportLayer] = []
    for layer in bundle.layers {
      if let place = layer.place {
        blocks[place.block, default: []].append(layer)
      } else {
        outside.append(layer)
      }
    }
    var branches = blocks.sorted { $0.key < $1.key }.map { block, layers in
      branch("block \(block)", layers, alsoSaying: similarity(of: block, in: bundle)) {
        $0.place?.name ?? $0.tensor
      }
    }
    if !outside.isEmpty { branches.insert(branch("outside the blocks", outside, \.tensor), at: 0) }
    var content = branches
    if let number = bundle.layersProtocol {
      content.insert(note(["Errors are measured as ", protocolLink(number), " says."]), at: 0)
    }
    return folded("All \(bundle.layers.count) tensors", content)
  }

  /// A block's similarities to the full model without a prompt, in words.
  private func similarity(of block: Int, in bundle: ReportBundle) -> [String] {
    bundle.similarities.compactMap { entry in
      guard entry.condition == ReportSimilarity.withoutPrompt, entry.values.indices.contains(block)
      else { return nil }
      return "similarity of \(entry.quantity) \(Figure.fixed(entry.values[block], 4))"
    }
  }

  private func branch(
    _ name: String, _ layers: [ReportLayer], alsoSaying more: [String] = [],
    _ label: (ReportLayer) -> String
  ) -> HTML {
    let bytes = layers.reduce(0) { $0 + $1.storedBytes }
    let parameters = layers.reduce(0) { $0 + $1.parameters }
    var facts = [
      Figure.bytes(bytes),
      "\(Figure.fixed(Double(bytes) * 8 / Double(max(1, parameters)), 2)) bits per weight",
    ]
    if let worst = layers.compactMap(\.error).max() {
      facts.append("error at most \(ReportFigure.share(worst))")
    }
    facts += more
    let rows = layers.map { layer -> [HTML] in
      [
        HTML(text: label(layer)), HTML(text: layer.shape.map { "\($0)" }.joined(separator: " × ")),
        HTML(text: layer.storage), HTML(text: Figure.fixed(layer.bitsPerWeight, 2)),
        HTML(text: layer.sparsity == 0 ? "–" : Figure.percent(layer.sparsity)),
        HTML(text: layer.error.map(ReportFigure.share) ?? "–"),
        HTML(text: Figure.bytes(layer.storedBytes)),
      ]
    }
    return folded(
      "\(name): \(facts.joined(separator: ", "))",
      [
        table(
          "Tensors of \(name)",
          ["tensor", "shape", "storage", "bits per weight", "sparsity", "output error", "size"],
          rows,
          right: [3, 4, 5, 6])
      ])
  }
}
