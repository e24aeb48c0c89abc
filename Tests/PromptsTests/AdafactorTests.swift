import Prompts
import Testing

@Suite struct AdafactorTests {
  /// Three updates of transformers.optimization.Adafactor (5.23, torch 2.15; lr 0.3, no relative
  /// step, no scaling by the parameters, weight decay 0.01) on a 2 × 3 and a 2 × 2 matrix. An update
  /// of up to 1 in float32, computed in another order than torch's, is off by a few units in the last
  /// place: of the parameter, and of the update.
  @Test func matchesTransformers() {
    let gradients: [[Float]] = [
      [0.1, -0.2, 0.3, 1e-4, 0.05, 0.4, 0.5, -1, 2, 0.1],
      [-0.3, -2e-4, -0.6, 0.1, 0.2, 3e-4, -0.1, 0.2, 0.3, -0.4],
      [0.7, 0.1, -0.2, 0.3, -0.4, 0.5, 1, 1, -1, 0.5],
    ]
    let expected: [[Float]] = [
      [
        0.06722399592399597, -0.5786006450653076, 1.735234260559082, -0.00040030639502219856,
        0.1521613746881485, -1.067995309829712, 0.8715408444404602, 2.508713960647583,
        2.7108147144317627, -4.016737461090088,
      ],
      [
        0.42064017057418823, -0.5765758752822876, 2.0439207553863525, -0.21287009119987488,
        -0.3691425323486328, -1.0650742053985596, 0.9144601821899414, 2.3326239585876465,
        2.6274826526641846, -3.8190982341766357,
      ],
      [
        0.03314259648323059, -0.66924649477005, 2.143188953399658, -0.41823315620422363,
        0.10188999772071838, -1.3898048400878906, 0.6267449855804443, 1.8939626216888428,
        2.8619940280914307, -3.991225004196167,
      ],
    ]
    var parameters: [Float] = [0.5, -1, 2, 0, 0.25, -0.75, 1, 2, 3, -4]
    var optimiser = Adafactor(
      shapes: [MatrixShape(rows: 2, columns: 3), MatrixShape(rows: 2, columns: 2)])
    for (gradient, after) in zip(gradients, expected) {
      optimiser.update(
        &parameters, gradient: gradient, gradientScale: 1, learningRate: 0.3, weightDecay: 0.01)
      for (a, b) in zip(parameters, after) { #expect(abs(a - b) <= 1e-6 + 2e-6 * abs(b)) }
    }
  }
}
