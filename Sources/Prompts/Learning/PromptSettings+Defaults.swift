import BundleFormat

/// Defaults that depend on other settings.
extension PromptSettings {
  /// The default learning rate of a kind: for soft prompts the better of 0.03 and 0.1 on
  /// SmolLM2-135M (Recipes/studies); not measured for the others.
  static func usualLearningRate(_ kind: AdapterKind) -> Double {
    switch kind {
    case .soft, .hard: 0.03
    case .prefix: 0.003
    case .lora: 0.001
    }
  }

  /// The default number of warm-up steps: a tenth of all steps, at most the 500 of arXiv
  /// 2305.11186.
  static func usualWarmup(steps: Int) -> Int { min(steps / 10, 500) }

  /// The default number of steps between measurements: five measurements in a short run, one every
  /// 100 steps in a long one.
  static func usualValidationInterval(steps: Int) -> Int { max(1, min(100, steps / 5)) }

  /// The default alpha, by which low-rank updates are multiplied by alpha / rank = 2.
  static func usualAlpha(rank: Int) -> Double { 2 * Double(rank) }

  /// The default number of tokens kept of the teacher's distributions: 64 if there is a teacher.
  static func usualTeacherTop(_ objective: Objective) -> Int {
    objective == .crossEntropy ? 0 : 64
  }
}
