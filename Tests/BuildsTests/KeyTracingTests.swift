import Builds
import Bytes
import Testing

/// Explanations of a key that differs from a recorded one, of which only the digest is left.
@Suite struct KeyTracingTests {
  private let text = SHA256Digest(hashing: Array("a text".utf8))
  private let other = SHA256Digest(hashing: Array("another text".utf8))

  private func key(
    version: Int = 3, bits: Int = 4, text: SHA256Digest? = nil, kernels: String? = "plain"
  ) -> StageKey {
    var stage = FakeStage(name: "first")
    stage.algorithmVersion = version
    stage.parameters = ["bits": JSON(bits)]
    return StageKey(stage: stage, inputs: ["text": text ?? self.text], kernels: kernels)
  }

  @Test func theKernelClassIsNamed() {
    let found = key().differences(from: key(kernels: "wide").digest, kernels: "wide")
    #expect(found == ["the kernel class changed from wide to plain"])
  }

  @Test(arguments: [0, 1, 2, 4, 19])
  func theAlgorithmIsNamed(_ version: Int) {
    let found = key().differences(from: key(version: version).digest, kernels: "plain")
    #expect(found == ["the program's algorithm version changed from \(version) to 3"])
  }

  @Test func severalDifferencesAreNamedTogether() {
    let recorded = key(version: 2, text: other, kernels: "wide").digest
    let found = key().differences(from: recorded, kernels: "wide", inputs: ["text": other])
    #expect(found?.count == 3)
    #expect(found?.contains { $0.hasPrefix("input text changed") } == true, "\(found ?? [])")
  }

  @Test func theSameKeyHasNoDifference() {
    #expect(key().differences(from: key().digest, kernels: "plain") == [])
  }

  @Test func otherParametersAndUnknownInputsStayUnexplained() {
    #expect(key().differences(from: key(bits: 3).digest, kernels: "plain") == nil)
    #expect(key().differences(from: key(text: other).digest, kernels: "plain") == nil)
  }

  /// A stage without floating-point numbers has no kernel class, and none is tried.
  @Test func aStageWithoutKernelsHasNone() {
    let recorded = key(version: 2, kernels: nil).digest
    let found = key(kernels: nil).differences(from: recorded, kernels: "wide")
    #expect(found == ["the program's algorithm version changed from 2 to 3"])
    #expect(
      key(kernels: nil).differences(from: key(kernels: "wide").digest, kernels: "wide") == nil)
  }
}
