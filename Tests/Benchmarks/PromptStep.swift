import ArgumentParser
import Bytes
import Models
import Numerics
import Pipeline
import Prompts

/// The benchmark `prompt-step`: one update of prompt learning, with forward pass, backward pass to the
/// prompt, and AdamW.
struct PromptStep: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "An update of prompt learning, 4 × 256 tokens + 100 of the prompt, against transformers.")

  @OptionGroup var common: CommonOptions
  @Option(
    help: "Precision, float32 or bfloat16: of ctpack's matrix products, and of the whole peer.")
  var arithmetic = Arithmetic.float32
  @Option(help: "Sequences.") var batch = 4
  @Option(help: "Tokens per sequence.") var length = 256
  @Option(help: "Prompt tokens.") var prompt = 100

  func run() throws {
    BLAS.prepare()
    Parallel.threads = common.threads
    let model = try ModelFile(path: common.model).model(arithmetic)
    let objective = PromptObjective(model)
    let roofline = Roofline.measure(arithmetic)
    print(roofline.line)
    let ids = tokens(batch * length)
    let sequences = (0..<batch).map { Array(ids[$0 * length..<($0 + 1) * length]) }
    var embeddings = try model.embed(tokens(prompt)).values
    var adam = AdamW(count: embeddings.count)
    let peer = try common.worker(arithmetic)
    var (ours, theirs): ([Double], [Double]) = ([], [])
    var losses: [(Double, Double?)] = []
    for run in 0...common.runs {
      var loss = 0.0
      let time = try seconds {
        let x = Tensor([prompt, model.configuration.hiddenSize], embeddings)
        let step = try objective.gradient(sequences: sequences, prompt: x)
        adam.update(
          &embeddings, gradient: step.gradient.values, gradientScale: 1, learningRate: 1e-3,
          weightDecay: 0)
        loss = step.loss
      }
      let answer = try peer?.run("step \(batch) \(length) \(prompt)")
      losses.append((loss, answer?.loss))
      guard run > 0 else { continue }
      ours.append(time)
      if let answer { theirs.append(answer.seconds) }
    }
    var result = BenchmarkResult(
      name: "prompt step \(batch) × \(length) + \(prompt), \(arithmetic)", unit: "s", ours: ours,
      peer: peer.map { _ in ("transformers \(arithmetic)", theirs) }, goal: "2.5 times as fast")
    let work = Work(model).promptUpdate(sequences: batch, length: length, prompt: prompt)
    result.notes = [
      roofline.share(work, in: median(ours)), "loss of the last step \(losses.last!.0)",
    ]
    if let theirs = losses.last?.1 {
      result.notes.append(
        "transformers' \(theirs) (which also scores token 0 and decays weights by 0.01)")
    }
    print(result.line)
  }
}
