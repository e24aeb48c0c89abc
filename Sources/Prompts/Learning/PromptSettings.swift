import BundleFormat
import Bytes
import Checkpoints
import Foundation
import Models
import RecipeFields

/// How an adapter (a soft prompt, a prefix or low-rank updates) is learned. Defaults suit a short run on a small
/// model; the published recipe for soft prompts (100 tokens, 30,000 steps at 1e-3 after 500 of warm-up,
/// arXiv 2305.11186 §4) changes only their numbers.
///
/// `fields` gives each property its name in recipes, its range and its meaning.
package struct PromptSettings: Sendable, Equatable {
  /// How the learning rate goes on after the warm-up.
  package enum Schedule: String, Sendable, CaseIterable {
    /// In a line to 0 after the last step.
    case linear
    /// Along half a cosine to 0 after the last step.
    case cosine
    /// At its peak, for learning that `patience` ends rather than the number of steps.
    case constant
  }

  /// The rows that learning starts from.
  package enum Initialisation: String, Sendable, CaseIterable {
    /// The embeddings of consecutive tokens of the training text.
    case text
    /// Rows of the embedding matrix, drawn at random.
    case vocabulary
    /// The first rows of the embedding matrix.
    case first
    /// The embeddings of given tokens (`startIDs`), repeated where they are too few.
    case given
  }

  /// The loss that is minimised.
  package enum Objective: String, Sendable, CaseIterable {
    /// Cross-entropy with the training text.
    case crossEntropy = "cross-entropy"
    /// Kullback-Leibler divergence from the uncompressed model's distribution.
    case divergence = "kl"
    /// Both, in the shares `klShare` and 1 − `klShare`.
    case mix
  }

  /// The kind of adapter. A hard prompt isn't learned, and these settings mean nothing to it.
  package var kind = AdapterKind.soft
  /// Updates.
  package var steps = 200
  /// Windows per batch.
  package var batch = 1
  /// Batches whose gradients are averaged before an update.
  package var accumulation = 1
  /// Tokens per training window: as many as perplexity is taken over. On SmolLM2-135M 400 updates of 1 × 1024
  /// repair as much as 800 of 4 × 256 (Recipes/studies).
  package var length = 1024
  package var objective = Objective.crossEntropy
  package var optimiser = Optimiser.Kind.adamw
  /// The learning rate at its peak, after the warm-up.
  package var learningRate = Self.usualLearningRate(.soft)
  /// Steps over which the learning rate rises linearly from 0.
  package var warmupSteps = Self.usualWarmup(steps: 200)
  package var schedule = Schedule.linear
  package var weightDecay = 0.0
  /// The Euclidean norm to which a larger gradient is scaled down.
  package var clipNorm = 1.0
  package var seed: UInt64 = 0
  /// Measurements without a better one after which learning ends; 0 for never.
  package var patience = 0
  /// Validation windows of `length` tokens, from the start of the validation text.
  package var validationWindows = 16
  /// Steps between two measurements on the validation text; the last step is always followed by
  /// one.
  package var validationEvery = Self.usualValidationInterval(steps: 200)
  /// The divergence's share of the loss of `Objective.mix`.
  package var klShare = 0.5
  /// Tokens per row that are known of the teacher's distribution, the rest as one number; 0 for all
  /// of it.
  package var teacherTop = 0
  /// The rank of low-rank updates; alpha / rank multiplies them.
  package var rank = 8
  package var alpha = Self.usualAlpha(rank: 8)
  /// The linear layers that get low-rank updates, in every block; empty for all that the model has.
  package var targets: [LinearName] = [.q, .v]
  /// Soft tokens, or rows of a prefix, n.
  package var tokens = 100
  package var initialisation = Initialisation.text
  /// Tokens to start from, where they are given.
  package var startIDs: [Int32] = []
  /// A token whose embedding stands before the prompt and is never changed; nil for none. It
  /// counts as one of `tokens`.
  package var sink: Int32?

  package init() {}

  /// The divergence's share of the loss; the rest is cross-entropy. 0 needs no teacher.
  package var teacherShare: Double {
    switch objective {
    case .crossEntropy: 0
    case .divergence: 1
    case .mix: klShare
    }
  }

  /// The loss that is in fact minimised: a mix with a share of 0 or 1 is one of the others.
  package var minimised: Objective {
    switch teacherShare {
    case 0: .crossEntropy
    case 1: .divergence
    default: .mix
    }
  }

  /// Where low-rank updates go in a model of this shape.
  func lowRankShape(_ c: ModelConfiguration) -> LowRankShape {
    LowRankShape(rank: rank, alpha: alpha, names: targets.isEmpty ? c.linears : targets, in: c)
  }

  /// The size of what is learned for a model of this shape.
  package func adapterShape(_ c: ModelConfiguration) -> AdapterShape {
    switch kind {
    case .soft, .hard: .prompt(tokens: tokens, in: c)
    case .prefix: .prefix(tokens: tokens, in: c)
    case .lora: .lowRank(lowRankShape(c))
    }
  }

  /// The number of rows that are learned.
  var learnedTokens: Int { sink == nil ? tokens : tokens - 1 }

  /// The number of windows that a teacher must be asked about before learning; nil where it is asked
  /// during learning, or never.
  package var teacherPool: Int? {
    guard teacherShare > 0, teacherTop > 0 else { return nil }
    let (windows, overflows) = steps.multipliedReportingOverflow(by: batch * accumulation)
    return overflows ? .max : windows
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
