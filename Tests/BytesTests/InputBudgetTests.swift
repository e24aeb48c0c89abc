import Bytes
import TestSupport
import Testing

/// The memory that reading one input may take.
@Suite struct InputBudgetTests {
  @Test func aValueIsSmall() {
    #expect(MemoryLayout<JSON>.stride <= 24)
    #expect(MemoryLayout<JSONObject>.size == 16)
  }

  @Test func theLimitFollowsFromTheSize() throws {
    #expect(InputBudget(text: 1000).limit == 16_000 + 32 << 20)
    #expect(InputBudget(compressed: 1000).limit == 32_000 + 32 << 20)
    #expect(InputBudget(text: .max).limit == .max)
    var budget = InputBudget(bytes: 10, factor: 2, base: 5)
    try budget.take(25)
    let failure = #expect(throws: Failure.self) { try budget.take(1) }
    #expect(failure?.kind == .invalidData && failure?.finding.contains("25 bytes") == true)
    #expect(budget.used == 25)
  }

  /// Texts of many small values, refused at the value that exceeds the limit.
  @Test(arguments: ["1,", "[1],", "{\"a\":1},", "\"0123456789abcdef\",", "[[],[]],", "{\"a\":{}},"])
  func denseTextsAreRefusedByASmallBudget(unit: String) throws {
    let text = "[" + String(repeating: unit, count: 1000) + "1]"
    var enough = InputBudget(text: text.utf8.count)
    let value = try JSON(parsing: ByteSlice(Array(text.utf8)), budget: &enough)
    #expect(value.array?.count == 1001)
    #expect(enough.used > text.utf8.count)
    var small = InputBudget(bytes: text.utf8.count, factor: 1, base: 0)
    let failure = #expect(throws: Failure.self) {
      try JSON(parsing: ByteSlice(Array(text.utf8)), file: "a.json", budget: &small)
    }
    #expect(failure?.kind == .invalidData && failure?.file == "a.json")
    #expect(failure?.place?.hasPrefix("byte ") == true)
    #expect(failure?.finding.contains("limit") == true)
    #expect(small.used <= small.limit)
  }

  /// Several texts share one budget, as the attributes of a bundle's sections do.
  @Test func aBudgetIsUsedUp() throws {
    let text = ByteSlice(Array("[1,2,3,4,5,6,7,8]".utf8))
    var budget = InputBudget(bytes: 0, factor: 1, base: 2000)
    var read = 0
    while (try? JSON(parsing: text, budget: &budget)) != nil { read += 1 }
    #expect((2...6).contains(read))
  }

  @Test func longNumbersAreRefused() throws {
    let digits = String(repeating: "1", count: 200)
    #expect(try JSON(parsing: digits + ".5").double != nil)
    let failure = #expect(throws: Failure.self) {
      try JSON(parsing: "0." + String(repeating: "1", count: 5000))
    }
    #expect(failure?.finding.contains("4096 bytes") == true)
  }

  /// Comparing with the canonical text gives the same answer as writing it.
  @Test func canonicalTextsAreRecognised() throws {
    var random = TestRandom("texts")
    for _ in 0..<300 {
      let value = Self.value(&random, depth: 0)
      let text = value.canonicalBytes
      #expect(value.isCanonical(ByteSlice(text)))
      #expect(!value.isCanonical(ByteSlice(text + [0x20])))
      #expect(!value.isCanonical(ByteSlice(Array(text.dropLast()))))
      var changed = text
      changed[random.below(changed.count)] ^= 1
      #expect(!value.isCanonical(ByteSlice(changed)))
    }
    let unsorted = try JSON(parsing: #"{"b":1,"a":2}"#)
    #expect(!unsorted.isCanonical(ByteSlice(Array(#"{"b":1,"a":2}"#.utf8))))
    #expect(unsorted.isCanonical(ByteSlice(Array(#"{"a":2,"b":1}"#.utf8))))
  }

  private static func value(_ random: inout TestRandom, depth: Int) -> JSON {
    switch random.below(depth > 3 ? 4 : 6) {
    case 0: return .null
    case 1: return JSON(random.below(1000) - 500)
    case 2: return .number(Double(random.below(1000)) / 7)
    case 3: return .string(String(repeating: "é\n", count: random.below(12)))
    case 4: return .array((0..<random.below(5)).map { _ in value(&random, depth: depth + 1) })
    default:
      var object = JSONObject()
      for _ in 0..<random.below(20) {
        object["k\(random.below(100))"] = value(&random, depth: depth + 1)
      }
      return .object(object)
    }
  }

  /// Objects with many members keep their order and find every key, after removals too.
  @Test func objectsFindTheirMembers() {
    var object = JSONObject()
    for index in 0..<1000 {
      let isNew = object.appendIfAbsent("k\(index)", JSON(index))
      #expect(isNew, "k\(index)")
    }
    let isNewAgain = object.appendIfAbsent("k7", 1)
    #expect(!isNewAgain)
    object["k500"] = nil
    object["k3"] = "new"
    #expect(object.count == 999 && object["k500"] == nil && object["k3"] == "new")
    #expect(object["k999"] == 999 && object.keys.first == "k0" && object.values.last == 999)
    #expect(Array(object.map(\.key)) == object.keys)
  }
}
