import Bytes

extension Pattern {
  /// Longest pattern, in bytes.
  static let longestSource = 4096
  /// Longest program, in instructions; those of known vocabularies have less than 100. Matching may take
  /// this many steps per byte of a text.
  private static let programLimit = 1024

  /// Compiles a regular expression.
  /// - Throws: `invalidData` for syntax that isn't supported; the caller adds file and place.
  package init(_ source: String) throws(Failure) {
    guard source.utf8.count <= Self.longestSource else {
      throw Failure(
        .invalidData, "the pattern has \(source.utf8.count) bytes; at most 4096 are supported")
    }
    var parser = PatternParser(source)
    let tree = try parser.whole()
    var compiler = PatternCompiler(limit: Self.programLimit)
    guard compiler.emit(tree), compiler.choices <= 64 else {
      throw Failure(.invalidData, "the pattern \"\(source)\" is too large to be matched safely")
    }
    compiler.program.append(.match)
    self.init(source: source, program: compiler.program, choices: compiler.choices)
  }

  /// The pattern that matches `text` literally.
  init(literal text: [UInt8]) {
    let sets = UTF8Text.scalars(text).map { Instruction.character(ScalarSet([.range($0...$0)])) }
    self.init(
      source: String(decoding: text, as: UTF8.self), program: sets + [.match], choices: 0)
  }
}

/// A compiler from a syntax tree to a program of limited size.
private struct PatternCompiler {
  var program: [Pattern.Instruction] = []
  var choices = 0
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Appends the instructions of `node`; returns false if the program exceeds the limit.
  mutating func emit(_ node: PatternNode) -> Bool {
    guard program.count < limit, choices <= 64 else { return false }
    switch node {
    case .set(let set): program.append(.character(set))
    case .lookahead(let set, let negated): program.append(.lookahead(set, negated: negated))
    case .assertion(let instruction): program.append(instruction)
    case .sequence(let nodes):
      for node in nodes where !emit(node) { return false }
    case .alternatives(let nodes): return emit(alternatives: nodes)
    case .repeated(let body, let least, let most, let greedy):
      return emit(body, least, most, greedy)
    }
    return true
  }

  /// Reserves an instruction for a choice and returns its index.
  private mutating func choice() -> Int {
    program.append(.match)  // replaced by `setChoice` once the targets are known
    return program.count - 1
  }

  private mutating func setChoice(_ at: Int, first: Int, second: Int, greedy: Bool = true) {
    program[at] = .choice(
      first: greedy ? first : second, second: greedy ? second : first, mark: choices)
    choices += 1
  }

  private mutating func emit(alternatives nodes: [PatternNode]) -> Bool {
    var jumps: [Int] = []
    for (index, node) in nodes.enumerated() {
      if index == nodes.count - 1 {
        guard emit(node) else { return false }
        break
      }
      let choice = choice()
      guard emit(node) else { return false }
      jumps.append(program.count)
      program.append(.match)
      setChoice(choice, first: choice + 1, second: program.count)
    }
    for jump in jumps { program[jump] = .jump(program.count) }
    return true
  }

  private mutating func emit(
    _ body: PatternNode, _ least: Int, _ most: Int?, _ greedy: Bool
  ) -> Bool {
    for _ in 0..<least where !emit(body) { return false }
    guard let most else {
      let start = choice()
      guard emit(body) else { return false }
      program.append(.jump(start))
      setChoice(start, first: start + 1, second: program.count, greedy: greedy)
      return true
    }
    var exits: [Int] = []
    for _ in least..<max(least, most) {
      exits.append(choice())
      guard emit(body) else { return false }
    }
    for exit in exits { setChoice(exit, first: exit + 1, second: program.count, greedy: greedy) }
    return true
  }
}
