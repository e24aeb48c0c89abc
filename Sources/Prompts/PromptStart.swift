import Bytes
import Models
import Numerics

extension PromptSettings {
  /// The prompt before the first step [tokens, d]: embeddings of real tokens, drawn from `seed`.
  ///
  /// Real text starts far better than random vectors do.
  public func start(for model: LanguageModel, trainingIDs: [Int32]) throws(Failure) -> Tensor {
    // A stream of its own: the data order's first epoch uses the seed as it is.
    var random = SeededGenerator(seed: seed ^ 0x5072_6F6D_7074_0001)
    switch initialisation {
    case .text:
      guard trainingIDs.count >= tokens else {
        throw Failure(
          .usage,
          "the training text has \(trainingIDs.count) tokens, too few to start a prompt of \(tokens)",
          advice: "use a longer text or fewer soft tokens")
      }
      let first = random.below(trainingIDs.count - tokens + 1)
      return try model.embed(Array(trainingIDs[first..<first + tokens]))
    case .vocabulary:
      let size = model.configuration.vocabularySize
      return try model.embed((0..<tokens).map { _ in Int32(random.below(size)) })
    }
  }
}
