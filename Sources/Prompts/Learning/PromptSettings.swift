import BundleFormat
import Bytes
import Checkpoints
import Foundation
import Models
import RecipeFields

/// The settings for learning an adapter: a soft prompt, a prefix or low-rank updates. Defaults suit
/// a short run on a small model; the published recipe for soft prompts (100 tokens, 30,000 steps at
/// 1e-3 after 500 of warm-up, arXiv 2305.11186 §4) differs only in numbers.
///
/// `updates`, `measurements` and `parameters` give each property its name in recipes, its range and
/// its meaning.
package struct PromptSettings: Sendable, Equatable {
  /// The learning rate after the warm-up.
  package enum Schedule: String, Sendable, CaseIterable {
    /// Linear decay to 0 after the last step.
    case linear
    /// Cosine decay to 0 after the last step.
    case cosine
    /// Constant at the peak, for runs that `patience` ends rather than the number of steps.
    case constant
  }

  /// The initial rows of a soft prompt or a prefix.
  package enum Initialisation: String, Sendable, CaseIterable {
    /// The embeddings of consecutive tokens of the training text.
    case text
    /// Rows of the embedding matrix, drawn at random.
    case vocabulary
    /// The first rows of the embedding matrix.
    case first
    /// The embeddings of given tokens (`startIDs`), repeated if they are too few.
    case given
  }

  /// The loss that is minimised.
  package enum Objective: String, Sendable, CaseIterable {
    /// Cross-entropy with the training text.
    case crossEntropy = "cross-entropy"
    /// Kullback-Leibler divergence from the uncompressed model's distribution.
    case divergence = "kl"
    /// The divergence and the cross-entropy, in the shares `klShare` and 1 − `klShare`.
    case mix
  }

  /// The kind of adapter. A hard prompt isn't learned, and the settings don't apply to it.
  package var kind = AdapterKind.soft
  /// The number of updates.
  package var steps = 200
  /// Windows per batch.
  package var batch = 1
  /// Batches whose gradients are averaged before an update.
  package var accumulation = 1
  /// Tokens per training window, by default as many as perplexity is measured over. On SmolLM2-135M
  /// 400 updates of 1 × 1024 repair as much as 800 of 4 × 256 (Recipes/studies).
  package var length = 1024
  package var objective = Objective.crossEntropy
  package var optimiser = Optimiser.Kind.adamw
  /// The learning rate at its peak, after the warm-up.
  package var learningRate = Self.usualLearningRate(.soft)
  /// Steps over which the learning rate rises linearly from 0.
  package var warmupSteps = Self.usualWarmup(steps: 200)
  package var schedule = Schedule.linear
  /// Decoupled weight decay per step, as a share of the learning rate.
  package var weightDecay = 0.0
  /// The Euclidean norm to which a larger gradient is scaled down.
  package var clipNorm = 1.0
  /// The seed for the order of training windows and for random starts.
  package var seed: UInt64 = 0
  /// Measurements without improvement after which learning ends; 0 for never.
  package var patience = 0
  /// Validation windows of `length` tokens, from the start of the validation text.
  package var validationWindows = 16
  /// Steps between two measurements on the validation text; the last step is always followed by
  /// one.
  package var validationEvery = Self.usualValidationInterval(steps: 200)
  /// The divergence's share of the loss of `Objective.mix`.
  package var klShare = 0.5
  /// Tokens per row that are kept of the teacher's distribution, with the rest as one number; 0
  /// keeps all of it.
  package var teacherTop = 0
  /// The rank of low-rank updates.
  package var rank = 8
  /// The scale of low-rank updates, which are multiplied by alpha / rank.
  package var alpha = Self.usualAlpha(rank: 8)
  /// The linear layers of every block that get low-rank updates; empty for all.
  package var targets: [LinearName] = [.q, .v]
  /// The number n of soft tokens or rows of a prefix.
  package var tokens = 100
  package var initialisation = Initialisation.text
  /// The tokens of `Initialisation.given`.
  package var startIDs: [Int32] = []
  /// An attention sink: a token whose embedding is the prompt's first row and is never changed; nil
  /// for none. It is one of `tokens`.
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

  /// The effective objective: a mix with a share of 0 or 1 is one of the others.
  package var minimised: Objective {
    switch teacherShare {
    case 0: .crossEntropy
    case 1: .divergence
    default: .mix
    }
  }

  /// The shape of the low-rank updates of a model.
  func lowRankShape(_ c: ModelConfiguration) -> LowRankShape {
    LowRankShape(rank: rank, alpha: alpha, names: targets.isEmpty ? c.linears : targets, in: c)
  }

  /// The shape of the adapter for a model.
  package func adapterShape(_ c: ModelConfiguration) -> AdapterShape {
    switch kind {
    case .soft, .hard: .prompt(tokens: tokens, in: c)
    case .prefix: .prefix(tokens: tokens, in: c)
    case .lora: .lowRank(lowRankShape(c))
    }
  }

  /// The number of rows that are learned.
  var learnedTokens: Int { sink == nil ? tokens : tokens - 1 }

  /// The number of windows whose teacher distributions are computed before learning; nil if they
  /// are computed during learning, or never.
  package var teacherPool: Int? {
    guard teacherShare > 0, teacherTop > 0 else { return nil }
    let (windows, overflows) = steps.multipliedReportingOverflow(by: batch * accumulation)
    return overflows ? .max : windows
  }

  /// The learning rate of step `step` (0 ..< steps): it rises linearly during the warm-up and then
  /// follows the schedule.
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
