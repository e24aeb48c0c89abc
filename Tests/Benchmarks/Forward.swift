import ArgumentParser
import Bytes
import Models
import Numerics
import Pipeline

/// The benchmark `forward`: one sequence through the whole model, with its loss.
struct Forward: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Forward pass of 1 × 1024 tokens against transformers.")

  @OptionGroup var common: CommonOptions
  @Option(
    help: "Precision, float32 or bfloat16: of ctpack's matrix products, and of the whole peer.")
  var arithmetic = Arithmetic.float32
  @Option(help: "Tokens of the sequence.") var length = 1024

  func run() throws {
    BLAS.prepare()
    Parallel.threads = common.threads
    let model = try ModelFile(path: common.model).model(arithmetic)
    let scorer = try Scorer(model)
    let roofline = Roofline.measure(arithmetic)
    print(roofline.line)
    let ids = tokens(length)
    let peer = try common.worker(arithmetic)
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
    var result = BenchmarkResult(
      name: "forward 1 × \(length), \(arithmetic)", unit: "s", ours: ours,
      peer: peer.map { _ in ("transformers \(arithmetic)", theirs) }, goal: "2.5 times as fast")
    let work = Work(model).forward(length: length, scored: length - 1)
    result.notes = [roofline.share(work, in: median(ours)), "loss \(losses.ours)"]
    result.notes += (peer == nil ? [] : ["transformers' \(losses.peer)"])
    print(result.line)
  }
}
