import ArgumentParser
import Checkpoints
import Models
import Numerics

/// One sequence through the whole model with its loss, float32.
struct Forward: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Forward pass of 1 × 1024 tokens in float32, against transformers.")

  @OptionGroup var common: CommonOptions
  @Option(help: "Tokens.") var length = 1024

  func run() throws {
    BLAS.prepare()
    Parallel.threads = common.threads
    let model = try LanguageModel(source: Checkpoint.open(common.model))
    let scorer = try Scorer(model)
    let ids = tokens(length)
    let peer = try common.worker()
    var (ours, theirs): ([Double], [Double]) = ([], [])
    var losses = (ours: 0.0, peer: 0.0)
    for run in 0...common.runs {
      let time = try seconds {
        let nll = try scorer.nll([ids])[0]
        losses.ours = nll.reduce(0) { $0 + Double($1) } / Double(nll.count)
      }
      let answer = try peer?.run("forward \(length)")
      guard run > 0 else { continue }
      ours.append(time)
      if let answer {
        theirs.append(answer.seconds)
        losses.peer = answer.loss
      }
    }
    var result = Measurement(
      name: "forward 1 × \(length), float32", unit: "s", ours: ours,
      peer: peer.map { _ in ("transformers float32", theirs) }, goal: "2.5 times as fast")
    result.notes = ["loss \(losses.ours)"] + (peer == nil ? [] : ["transformers' \(losses.peer)"])
    print(result.line)
  }
}
