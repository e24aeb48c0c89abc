import Pipeline
import Testing

@Suite struct NearestNameTests {
  @Test(arguments: [
    ("bitz", "bits"), ("learning_rte", "learning_rate"), ("Bits", "bits"), ("tokesn", "tokens"),
  ])
  func misspeltNamesFindTheirName(slip: String, name: String) {
    #expect(NearestName.of(slip, among: ["bits", "learning_rate", "tokens", "damping"]) == name)
  }

  @Test func unrelatedNamesFindNone() {
    #expect(NearestName.of("zzzzzz", among: ["bits", "damping"]) == nil)
    #expect(NearestName.distance("", "abc") == 3)
    #expect(NearestName.distance("ab", "ba") == 1)
  }
}
