import Bytes

extension PromptLearner {
  /// The state of a learner between steps. The order of the data depends only on the settings' seed
  /// and `position`; nothing else is random after the start.
  package struct State: Sendable, Equatable {
    /// A measurement on the validation windows.
    package struct Point: Sendable, Equatable {
      /// Steps done before the measurement; 0 for the starting prompt.
      package let step: Int
      package let perplexity: Double
    }

    /// Steps done.
    package internal(set) var step = 0
    package internal(set) var position = TrainingWindows.Position()
    /// The parameters being learned, matrix after matrix.
    package internal(set) var parameters: [Float]
    package internal(set) var optimiser: Optimiser
    /// The parameters with the lowest validation perplexity so far.
    package internal(set) var best: [Float] = []
    /// The lowest validation perplexity so far.
    package internal(set) var bestPerplexity = Double.infinity
    /// Steps done before the best measurement.
    package internal(set) var bestStep = 0
    /// The perplexity of the validation windows without a prompt.
    package internal(set) var validationWithoutPrompt = 0.0
    /// The batch loss of every step so far, in nats per scored token.
    package internal(set) var losses: [Double] = []
    /// All measurements so far, in order.
    package internal(set) var curve: [Point] = []

    init(parameters: [Float], optimiser: Optimiser) {
      self.parameters = parameters
      self.optimiser = optimiser
    }

    /// Measurements since the best one.
    var measurementsSinceBest: Int { curve.count(where: { $0.step > bestStep }) }
  }
}

/// The saved form of a state, little-endian:
///
///     "CTPLEARN" | u32 version = 2 | u32 0 | u64 header length | header, canonical JSON
///     then four float32 arrays with the lengths in `counts`: the parameters, the optimiser's
///     two, the best parameters
///
/// The header holds float64 values as their 64 bits in decimal, so that no digit is lost.
extension PromptLearner.State {
  private static let magic = Array("CTPLEARN".utf8)
  private static let version: UInt32 = 2

  /// The saved form.
  package var bytes: [UInt8] {
    let (first, second) = optimiser.memory
    let arrays = [parameters, first, second, best]
    let header: JSON = .object([
      "counts": .array(arrays.map { JSON($0.count) }), "step": JSON(step),
      "updates": JSON(optimiser.updates),
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
    out.reserveCapacity(out.count + arrays.reduce(0) { $0 + 4 * $1.count })
    for values in arrays {
      for value in values { Self.append(value.bitPattern, to: &out) }
    }
    return out
  }

  /// Parses the saved form.
  ///
  /// - Parameters:
  ///   - kind: the kind of the optimiser.
  ///   - shapes: the shapes of the parameter matrices.
  /// - Throws: `invalidData` if the bytes aren't a state of this optimiser and these shapes.
  package init(
    parsing bytes: ByteSlice, _ kind: Optimiser.Kind, shapes: [MatrixShape], file: String? = nil
  ) throws(Failure) {
    func wrong(_ finding: String) -> Failure {
      Failure(
        .invalidData, file: file, "the saved prompt-learning state \(finding)",
        advice: "start the learning again")
    }
    guard bytes.count >= 24, bytes.slice(0..<8)?.array == Self.magic else {
      throw wrong("doesn't start with CTPLEARN")
    }
    guard bytes.integer(at: 8) == Self.version else { throw wrong("has an unsupported version") }
    guard let length = bytes.integer(at: 16, as: UInt64.self), length <= bytes.count - 24,
      let text = bytes.slice(24..<24 + Int(length))
    else { throw wrong("is shorter than its header") }
    let header = try JSON(parsing: text, file: file)

    var optimiser = Optimiser(kind, shapes: shapes)
    let parameters = shapes.reduce(0) { $0 + $1.count }
    let expected = [
      parameters, optimiser.memory.first.count, optimiser.memory.second.count, parameters,
    ]
    let counts = try header.required("counts", as: [JSON].self, file: file).map { $0.int ?? -1 }
    let numbers = 24 + Int(length)
    guard counts == expected, bytes.count - numbers == 4 * expected.reduce(0, +) else {
      throw wrong(
        "has \(bytes.count - numbers) bytes of numbers for \(parameters) parameters")
    }
    var place = numbers
    let arrays = counts.map { count in
      defer { place += 4 * count }
      return bytes.slice(place..<place + 4 * count)?.floats() ?? []
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

    optimiser.memory = (arrays[1], arrays[2])
    optimiser.updates = try natural("updates")
    self.init(parameters: arrays[0], optimiser: optimiser)
    best = arrays[3]
    step = try natural("step")
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
