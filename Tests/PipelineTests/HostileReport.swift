import Bytes
import Pipeline

/// Data of a report whose every text would be markup, a script or a mark of direction.
enum HostileReport {
  static let hostile =
    "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>\"' onclick=\"x"
    + "--><!-- &lt; & &#60;\u{202E}\u{0}\u{9B}\u{2028}{{x}}\\u003c"

  /// The sample with `hostile` in every text.
  static var data: ReportData {
    var data = ReportData(programVersion: hostile)
    var bundle = SampleReport.data.bundles[0]
    let number = data.protocols.number(
      of: ReportProtocol(.perplexity, id: hostile, text: hostile, arithmetic: hostile))
    bundle.name = hostile
    bundle.baseModelName = hostile
    bundle.design = hostile
    bundle.programVersion = hostile
    bundle.kernelClass = hostile
    bundle.stages = [(hostile, bundle.digest)]
    bundle.texts = [(hostile, hostile, bundle.digest)]
    bundle.events = [(hostile, 1)]
    var recipe = JSONObject()
    recipe[hostile] = .string(hostile)
    bundle.recipe = .object(recipe)
    bundle.scores = [
      ReportScore(.compressed, perplexity: ReportValue(2), protocol: number),
      ReportScore(
        .compressedWithPrompt, prompt: hostile,
        perplexity: ReportValue(2), divergence: SampleReport.divergence(1), protocol: number),
      ReportScore(
        .compressedWithPrompt, prompt: hostile, rule: hostile, perplexity: ReportValue(2),
        protocol: number),
    ]
    bundle.tasks = [
      ReportTask(
        name: hostile, protocol: number,
        columns: [ReportTask.Column(.full, metrics: [(hostile, ReportValue(0.5))])],
        flips: [
          ReportTask.Flip(
            .rightToWrong, .compressed, row: 1, question: hostile, choices: [hostile],
            before: .text(hostile)),
          ReportTask.Flip(.wrongToRight, .compressed, row: 2, before: .text(hostile)),
        ])
    ]
    bundle.layers = [
      ReportLayer(
        tensor: "model.layers.0." + hostile, shape: [2, 2], storage: hostile, parameters: 4,
        storedBytes: 4, bits: 8, error: 0.1),
      ReportLayer(
        tensor: hostile, shape: [2, 2], storage: hostile, parameters: 4, storedBytes: 4, bits: 8),
      ReportLayer(
        tensor: "model.layers.1." + hostile, shape: [2, 2], storage: hostile, parameters: 4,
        storedBytes: 4, bits: 8, error: 0.3),
    ]
    bundle.layersProtocol = number
    bundle.similarities = [
      ReportSimilarity(quantity: hostile, condition: hostile, values: [1, 0.5], protocol: number)
    ]
    bundle.tokens = ReportTokens(
      tokens: [.init(hostile, full: 1, compressed: 3, prompted: 2)], prompt: hostile,
      protocol: number)
    bundle.prompts = [
      ReportPrompt(
        name: hostile, label: hostile, parameters: 1, objective: hostile, trust: hostile,
        digest: bundle.digest, texts: [(hostile, hostile, bundle.digest)],
        curve: ReportCurve(points: [(0, 3), (1, 2)], without: 3, bestStep: 1, protocol: number),
        validations: [
          ReportValidation(weights: bundle.weights, without: 3, with: 2, protocol: number)
        ])
    ]
    var second = bundle
    second.name += "2"
    data.bundles = [bundle, second]
    return data
  }
}
