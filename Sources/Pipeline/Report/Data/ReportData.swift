import Bytes

/// Everything that a report shows, free of bundles and files, so that a page can be made from
/// whatever evidence there is.
package struct ReportData: Sendable {
  /// The version of the program that writes the page.
  package var programVersion: String
  package var protocols: ReportProtocols
  /// The inputs, in the order in which they were named.
  package var bundles: [ReportBundle]

  package init(
    programVersion: String, protocols: ReportProtocols = ReportProtocols(),
    bundles: [ReportBundle] = []
  ) {
    self.programVersion = programVersion
    self.protocols = protocols
    self.bundles = bundles
  }
}

/// One input of a report.
package struct ReportBundle: Sendable {
  /// The name in the report, different from every other input's.
  package var name: String
  package var digest: SHA256Digest
  package var weights: SHA256Digest
  package var baseModel: SHA256Digest?
  package var baseModelName: String?
  /// The model's family and sizes in words; empty where unknown.
  package var design = ""
  package var fileBytes: Int
  package var parameters: Int
  /// Stored bits per weight of all tensors.
  package var bitsPerWeight: Double
  /// Stored bits per weight of the compressed layers; nil where none is compressed.
  package var layerBits: Double?
  /// The share of weights of the compressed layers that aren't stored, 0…1.
  package var layerSparsity: Double?
  package var sourceBytes: Int?
  package var programVersion = ""
  package var kernelClass = ""
  package var stages: [(name: String, key: SHA256Digest)] = []
  package var texts: [(role: String, name: String, digest: SHA256Digest)] = []
  /// The recipe in canonical form; null where the bundle has none.
  package var recipe = JSON.null
  /// Events of the build: a kind, and how often it occurred.
  package var events: [(kind: String, count: Int)] = []
  package var scores: [ReportScore] = []
  package var tasks: [ReportTask] = []
  package var prompts: [ReportPrompt] = []
  package var layers: [ReportLayer] = []
  /// The number of the protocol of the layers' errors; nil where there are none.
  package var layersProtocol: Int?
  package var similarities: [ReportSimilarity] = []
  package var tokens: ReportTokens?

  package init(
    name: String, digest: SHA256Digest, weights: SHA256Digest, fileBytes: Int, parameters: Int,
    bitsPerWeight: Double
  ) {
    self.name = name
    self.digest = digest
    self.weights = weights
    self.fileBytes = fileBytes
    self.parameters = parameters
    self.bitsPerWeight = bitsPerWeight
  }

  /// The comparisons that the perplexities allow.
  package func comparisons(_ protocols: ReportProtocols) -> [ReportComparison] {
    ReportComparison.all(in: scores, protocols)
  }
}
