/// The source of an absent section: it has no fields, so that every field gets its default.
final class AbsentFields: FieldSource {
  let isGiven = false
  let names: [String] = []
  func has(_ name: String) -> Bool { false }
  func expect(_ name: String) {}
  func note(_ name: String, _ text: String) {}
  func integer(_ name: String, in range: ClosedRange<Int>) -> Int? { nil }
  func number(_ name: String, in range: ClosedRange<Double>) -> Double? { nil }
  func flag(_ name: String) -> Bool? { nil }
  func text(_ name: String) -> String? { nil }
  func choice(_ name: String, of spellings: [String]) -> String? { nil }
  func list(_ name: String) -> [String] { [] }
  func byteCount(_ name: String) -> Int? { nil }
  func file(_ name: String) -> String? { nil }
  func path(_ name: String) -> String? { nil }
  func isSection(_ name: String) -> Bool { false }
  func allowMissingFiles() {}
  func section(_ name: String) -> any FieldSource { self }
  func sections(_ name: String) -> [any FieldSource] { [] }
  func finish() {}
}
