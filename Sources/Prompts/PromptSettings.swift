import Bytes
import Foundation

/// How a soft prompt is learned. Defaults suit a short run on a small model; the published recipe
/// (100 tokens, 30,000 steps at 1e-3 after 500 of warm-up, arXiv 2305.11186 §4) is a longer walk on
/// the same path.
public struct PromptSettings: Sendable, Equatable, Codable {
  public enum Schedule: String, Sendable, Codable, CaseIterable { case linear, cosine }

  public enum Initialisation: String, Sendable, Codable, CaseIterable {
    /// The embeddings of consecutive tokens of the training text.
    case text
    /// Rows of the embedding matrix, drawn at random.
    case vocabulary
  }

  /// Soft tokens, n.
  public var tokens = 32
  public var steps = 200
  /// Windows per step.
  public var batch = 4
  /// Tokens per training window.
  public var length = 256
  public var learningRate = 1e-2
  /// Steps over which the learning rate rises linearly from 0.
  public var warmupSteps = 20
  /// How it falls from there to 0 at the last step.
  public var schedule = Schedule.linear
  public var weightDecay = 0.0
  /// The gradient is scaled down to this Euclidean norm.
  public var clipNorm = 1.0
  public var initialisation = Initialisation.text
  /// Steps between two measurements on the validation text; the last step is always followed by
  /// one.
  public var validationEvery = 25
  /// Validation windows of `length` tokens, from the start of the validation text.
  public var validationWindows = 16
  public var seed: UInt64 = 0

  public init() {}

  /// - Throws: `usage` naming the first setting that can't be.
  public func check() throws(Failure) {
    try Self.check("tokens", Double(tokens), in: 1...65536)
    try Self.check("steps", Double(steps), in: 1...1e9)
    try Self.check("batch", Double(batch), in: 1...65536)
    try Self.check("length", Double(length), in: 2...1_048_576)
    try Self.check("learning rate", learningRate, in: 1e-12...1e3)
    try Self.check("warm-up", Double(warmupSteps), in: 0...Double(steps))
    try Self.check("weight decay", weightDecay, in: 0...1e3)
    try Self.check("clipping norm", clipNorm, in: 1e-12...1e12)
    try Self.check("validation interval", Double(validationEvery), in: 1...1e9)
    try Self.check("number of validation windows", Double(validationWindows), in: 1...1e6)
  }

  private static func check(
    _ name: String, _ value: Double, in range: ClosedRange<Double>
  ) throws(Failure) {
    guard !range.contains(value) else { return }
    throw Failure(
      .usage, "the prompt's \(name) is \(value)",
      advice: "use \(range.lowerBound) to \(range.upperBound)")
  }

  /// The learning rate of step `step` (0 ..< steps): it rises over the warm-up, and falls to 0
  /// behind the last.
  public func learningRate(at step: Int) -> Double {
    if step < warmupSteps { return learningRate * Double(step + 1) / Double(warmupSteps) }
    let progress = Double(step - warmupSteps) / Double(max(1, steps - warmupSteps))
    switch schedule {
    case .linear: return learningRate * (1 - progress)
    case .cosine: return learningRate * 0.5 * (1 + cos(.pi * progress))
    }
  }
}
