import Bytes

extension PromptLearner {
  /// All that a learner carries from step to step. The random order of the data follows from the
  /// settings' seed and `position`; there is no other randomness after the start.
  public struct State: Sendable, Equatable {
    /// A measurement on the validation windows.
    public struct Point: Sendable, Equatable {
      /// Steps done before it; 0 is the starting prompt.
      public let step: Int
      public let perplexity: Double
    }

    /// Steps done.
    public internal(set) var step = 0
    public internal(set) var position = TrainingWindows.Position()
    /// [tokens · d], row by row.
    public internal(set) var prompt: [Float]
    public internal(set) var optimiser: AdamW
    public internal(set) var best: [Float] = []
    public internal(set) var bestPerplexity = Double.infinity
    public internal(set) var bestStep = 0
    /// Perplexity of the validation windows without any prompt.
    public internal(set) var validationWithoutPrompt = 0.0
    /// Batch loss of every step so far, in nats.
    public internal(set) var losses: [Double] = []
    public internal(set) var curve: [Point] = []

    init(prompt: [Float]) {
      self.prompt = prompt
      optimiser = AdamW(count: prompt.count)
    }
  }
}

/// The saved form of a state, little-endian:
///
///     "CTPLEARN" | u32 version = 1 | u32 0 | u64 header length | header, canonical JSON
///     then four float32 arrays of `count` numbers each: prompt, first moments, second moments, best prompt
///
/// Float64 values stand in the header as the decimal form of their 64 bits, so that no digit is
/// lost.
extension PromptLearner.State {
  private static let magic = Array("CTPLEARN".utf8)
  private static let version: UInt32 = 1

  public var bytes: [UInt8] {
    let header: JSON = .object([
      "count": JSON(prompt.count), "step": JSON(step), "updates": JSON(optimiser.updates),
      "epoch": JSON(position.epoch), "index": JSON(position.index), "best_step": JSON(bestStep),
      "best_perplexity": Self.exact(bestPerplexity),
      "without_prompt": Self.exact(validationWithoutPrompt),
      "losses": .array(losses.map(Self.exact)),
      "curve": .array(curve.map { .array([JSON($0.step), Self.exact($0.perplexity)]) }),
    ])
    let text = header.canonicalBytes
    var out = Self.magic
    Self.append(Self.version, to: &out)
    Self.append(UInt32(0), to: &out)
    Self.append(UInt64(text.count), to: &out)
    out += text
    out.reserveCapacity(out.count + 16 * prompt.count)
    for values in [prompt, optimiser.first, optimiser.second, best] {
      for value in values { Self.append(value.bitPattern, to: &out) }
    }
    return out
  }

  /// Reads what `bytes` wrote.
  /// - Throws: `invalidData` where it isn't that.
  public init(parsing bytes: ByteSlice, file: String? = nil) throws(Failure) {
    func wrong(_ finding: String) -> Failure {
      Failure(
        .invalidData, file: file, "the saved prompt-learning state \(finding)",
        advice: "start the learning again")
    }
    guard bytes.count >= 24, bytes.slice(0..<8)?.array == Self.magic else {
      throw wrong("doesn't start with CTPLEARN")
    }
    guard bytes.integer(at: 8) == Self.version else { throw wrong("has another version") }
    guard let length = bytes.integer(at: 16, as: UInt64.self), length <= bytes.count - 24,
      let text = bytes.slice(24..<24 + Int(length))
    else { throw wrong("is shorter than its header") }
    let header = try JSON(parsing: text, file: file)

    let count = try header.required("count", as: Int.self, file: file)
    let arrays = 24 + Int(length)
    guard count > 0, count <= bytes.count / 16, bytes.count - arrays == 16 * count else {
      throw wrong("has \(bytes.count - arrays) bytes of numbers for four times \(count)")
    }
    func array(_ index: Int) -> [Float] {
      (0..<count).map {
        Float(bitPattern: bytes.integer(at: arrays + 4 * (index * count + $0)) ?? 0)
      }
    }
    func number(_ json: JSON) throws(Failure) -> Double {
      guard let text = json.string, let bits = UInt64(text) else {
        throw wrong("has a number that isn't 64 bits in decimal")
      }
      return Double(bitPattern: bits)
    }
    func natural(_ key: String) throws(Failure) -> Int {
      let value = try header.required(key, as: Int.self, file: file)
      guard value >= 0 else { throw wrong("has a negative \(key)") }
      return value
    }

    self.init(prompt: array(0))
    optimiser.first = array(1)
    optimiser.second = array(2)
    best = array(3)
    step = try natural("step")
    optimiser.updates = try natural("updates")
    position.epoch = try natural("epoch")
    position.index = try natural("index")
    bestStep = try natural("best_step")
    bestPerplexity = try number(header.required("best_perplexity", file: file))
    validationWithoutPrompt = try number(header.required("without_prompt", file: file))
    for loss in try header.required("losses", as: [JSON].self, file: file) {
      losses.append(try number(loss))
    }
    for point in try header.required("curve", as: [JSON].self, file: file) {
      guard let step = point[0]?.int, let value = point[1] else { throw wrong("has a bad curve") }
      curve.append(Point(step: step, perplexity: try number(value)))
    }
  }

  private static func exact(_ value: Double) -> JSON { .string(String(value.bitPattern)) }

  private static func append(_ value: some FixedWidthInteger, to out: inout [UInt8]) {
    for byte in 0..<value.bitWidth / 8 {
      out.append(UInt8(truncatingIfNeeded: value >> (8 * byte)))
    }
  }
}
