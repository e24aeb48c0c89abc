import Prompts
import Testing

@Suite struct AdamWTests {
  /// Three updates of torch.optim.AdamW (2.15; lr 0.01, weight decay 0.1), gradients clipped to the
  /// norm 0.5. An update of 0.01 in steps of float32, computed in another order than torch's, is
  /// off by a few units in the last place: of the parameter, and of the update.
  @Test func matchesTorch() {
    let gradients: [[Float]] = [
      [0.1, -0.2, 0.3, 1e-4], [0.05, 0.4, -0.3, -2e-4], [-0.6, 0.1, 0.2, 3e-4],
    ]
    let expected: [[Float]] = [
      [0.4895000159740448, -0.9890000224113464, 1.9880000352859497, -0.009998999536037445],
      [0.47969600558280945, -0.9916535019874573, 1.9865134954452515, -0.006346774287521839],
      [0.48376235365867615, -0.9945388436317444, 1.9826775789260864, -0.009031864814460278],
    ]
    var parameters: [Float] = [0.5, -1, 2, 0]
    var optimiser = AdamW(count: 4)
    for (gradient, after) in zip(gradients, expected) {
      let norm = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      optimiser.update(
        &parameters, gradient: gradient, gradientScale: min(1, 0.5 / norm), learningRate: 0.01,
        weightDecay: 0.1)
      for (a, b) in zip(parameters, after) { #expect(abs(a - b) <= 2e-7 + 2e-6 * abs(b)) }
    }
  }
}
