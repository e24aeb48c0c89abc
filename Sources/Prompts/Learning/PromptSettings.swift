import BundleFormat
import Bytes
import Checkpoints
import Foundation
import Models

/// How a soft prompt, or an adapter in its place, is learned. Defaults suit a short run on a small model; the published recipe
/// (100 tokens, 30,000 steps at 1e-3 after 500 of warm-up, arXiv 2305.11186 §4) is a longer walk on
/// the same path.
package struct PromptSettings: Sendable, Equatable, Codable {
  /// How the learning rate goes on behind the warm-up.
  package enum Schedule: String, Sendable, Codable, CaseIterable {
    /// In a line to 0 behind the last step.
    case linear
    /// Along half a cosine to 0 behind the last step.
    case cosine
    /// As it is, for learning that `patience` ends rather than the number of steps.
    case constant
  }

  package enum Initialisation: String, Sendable, Codable, CaseIterable {
    /// The embeddings of consecutive tokens of the training text.
    case text
    /// Rows of the embedding matrix, drawn at random.
    case vocabulary
    /// The first rows of the embedding matrix.
    case first
    /// The embeddings of given tokens (`startIDs`), again from the first where they are too few.
    case given
  }

  /// The kind of adapter. A hard prompt isn't learned: its settings are those of a soft one.
  package var kind = AdapterKind.soft
  /// Soft tokens, or rows of a prefix, n.
  package var tokens = 100
  /// Of low-rank parts; alpha / rank multiplies them.
  package var rank = 8
  package var alpha = 16.0
  /// The layers that get low-rank parts, in every block; empty for all that the model has.
  package var targets: [LinearName] = [.q, .v]
  package var steps = 200
  /// Windows per step.
  package var batch = 1
  /// Batches whose gradients are averaged before an update.
  package var accumulation = 1
  /// Tokens per training window: as many as perplexity is taken over. On SmolLM2-135M 400 updates of 1 × 1024
  /// repair as much as 800 of 4 × 256 (Recipes/studies).
  package var length = 1024
  package var learningRate = 3e-2
  package var optimiser = Optimiser.Kind.adamw
  /// Share of the divergence from the teacher in the loss; the rest is cross-entropy. 0 needs no
  /// teacher.
  package var teacherShare = 0.0
  /// Tokens per row that are known of the teacher's distribution, the rest as one number; 0 for all
  /// of it.
  package var teacherTop = 0
  /// Steps over which the learning rate rises linearly from 0.
  package var warmupSteps = 20
  /// How it goes on from there.
  package var schedule = Schedule.linear
  package var weightDecay = 0.0
  /// The gradient is scaled down to this Euclidean norm.
  package var clipNorm = 1.0
  package var initialisation = Initialisation.text
  /// Tokens to start from, where they are given.
  package var startIDs: [Int32] = []
  /// A token whose embedding stands in front of the prompt and is never changed; nil for none. It
  /// counts as one of `tokens`.
  package var sink: Int32?
  /// Steps between two measurements on the validation text; the last step is always followed by
  /// one.
  package var validationEvery = 25
  /// Validation windows of `length` tokens, from the start of the validation text.
  package var validationWindows = 16
  /// Measurements without a better one after which learning ends; 0 for never.
  package var patience = 0
  package var seed: UInt64 = 0

  package init() {}

  /// - Throws: `usage` naming the first setting that can't be.
  package func check() throws(Failure) {
    try Self.check("tokens", Double(tokens), in: 1...65536)
    try Self.check("steps", Double(steps), in: 1...1e9)
    try Self.check("batch", Double(batch), in: 1...65536)
    try Self.check("accumulation", Double(accumulation), in: 1...65536)
    try Self.check("teacher's share", teacherShare, in: 0...1)
    try Self.check("number of the teacher's tokens", Double(teacherTop), in: 0...4096)
    try Self.check("patience", Double(patience), in: 0...1e9)
    try Self.check("rank", Double(rank), in: 1...65536)
    try Self.check("alpha", alpha, in: 1e-6...1e6)
    if sink != nil, kind == .prefix || kind == .lora {
      throw Failure(
        .usage, "a sink stands in front of soft prompts, not of a \(kind.rawValue)",
        advice: "leave the sink out")
    }
    if sink != nil, tokens < 2 {
      throw Failure(
        .usage, "a prompt of one token is all sink: there is nothing to learn",
        advice: "use 2 tokens or more, or no sink")
    }
    try Self.check("length", Double(length), in: 2...1_048_576)
    try Self.check("learning rate", learningRate, in: 1e-12...1e3)
    try Self.check("warm-up", Double(warmupSteps), in: 0...Double(steps))
    try Self.check("weight decay", weightDecay, in: 0...1e3)
    try Self.check("clipping norm", clipNorm, in: 1e-12...1e12)
    try Self.check("validation interval", Double(validationEvery), in: 1...1e9)
    try Self.check("number of validation windows", Double(validationWindows), in: 1...1e6)
  }

  /// What is minimised, in a word.
  package var objective: String {
    switch teacherShare {
    case 0: "cross-entropy"
    case 1: "kl"
    default: "mix"
    }
  }

  /// Where low-rank parts go in a model of this shape.
  func lowRankShape(_ c: ModelConfiguration) -> LowRankShape {
    LowRankShape(rank: rank, alpha: alpha, names: targets.isEmpty ? c.linears : targets, in: c)
  }

  /// As `check()`, for a model of this shape.
  package func check(for c: ModelConfiguration) throws(Failure) {
    try check()
    try adapterShape(c).check(c)
  }

  /// What is learned beside a model of this shape.
  package func adapterShape(_ c: ModelConfiguration) -> AdapterShape {
    switch kind {
    case .soft, .hard: .prompt(tokens: tokens, in: c)
    case .prefix: .prefix(tokens: tokens, in: c)
    case .lora: .lowRank(lowRankShape(c))
    }
  }

  /// Rows that are learned.
  var learnedTokens: Int { sink == nil ? tokens : tokens - 1 }

  /// How many windows a teacher must have been asked about; nil where it needn't be asked before.
  package var teacherPool: Int? {
    guard teacherShare > 0, teacherTop > 0 else { return nil }
    let (windows, overflows) = steps.multipliedReportingOverflow(by: batch * accumulation)
    return overflows ? .max : windows
  }

  private static func check(
    _ name: String, _ value: Double, in range: ClosedRange<Double>
  ) throws(Failure) {
    guard !range.contains(value) else { return }
    throw Failure(
      .usage, "the prompt's \(name) is \(value)",
      advice: "use \(range.lowerBound) to \(range.upperBound)")
  }

  /// The learning rate of step `step` (0 ..< steps): it rises over the warm-up, and goes on as the
  /// schedule says.
  package func learningRate(at step: Int) -> Double {
    if step < warmupSteps { return learningRate * Double(step + 1) / Double(warmupSteps) }
    let progress = Double(step - warmupSteps) / Double(max(1, steps - warmupSteps))
    switch schedule {
    case .linear: return learningRate * (1 - progress)
    case .cosine: return learningRate * 0.5 * (1 + cos(.pi * progress))
    case .constant: return learningRate
    }
  }
}
