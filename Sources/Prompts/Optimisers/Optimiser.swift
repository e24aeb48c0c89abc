/// An optimiser with its state.
package enum Optimiser: Sendable, Equatable {
  case adamW(AdamW)
  case adafactor(Adafactor)

  /// The algorithm, as recipes name it.
  package enum Kind: String, Sendable, Codable, CaseIterable { case adamw, adafactor }

  package init(_ kind: Kind, shapes: [MatrixShape]) {
    switch kind {
    case .adamw: self = .adamW(AdamW(count: shapes.reduce(0) { $0 + $1.count }))
    case .adafactor: self = .adafactor(Adafactor(shapes: shapes))
    }
  }

  /// The number of updates made.
  package var updates: Int {
    get {
      switch self {
      case .adamW(let own): own.updates
      case .adafactor(let own): own.updates
      }
    }
    set {
      switch self {
      case .adamW(var own):
        own.updates = newValue
        self = .adamW(own)
      case .adafactor(var own):
        own.updates = newValue
        self = .adafactor(own)
      }
    }
  }

  /// The two arrays of state that are kept between updates.
  var memory: (first: [Float], second: [Float]) {
    get {
      switch self {
      case .adamW(let own): (own.first, own.second)
      case .adafactor(let own): (own.rowMeans, own.columnMeans)
      }
    }
    set {
      switch self {
      case .adamW(var own):
        (own.first, own.second) = newValue
        self = .adamW(own)
      case .adafactor(var own):
        (own.rowMeans, own.columnMeans) = newValue
        self = .adafactor(own)
      }
    }
  }

  /// Updates `parameters` by `gradient` · `gradientScale`; the scale clips the gradient.
  package mutating func update(
    _ parameters: inout [Float], gradient: [Float], gradientScale: Double, learningRate: Double,
    weightDecay: Double
  ) {
    switch self {
    case .adamW(var own):
      own.update(
        &parameters, gradient: gradient, gradientScale: gradientScale, learningRate: learningRate,
        weightDecay: weightDecay)
      self = .adamW(own)
    case .adafactor(var own):
      own.update(
        &parameters, gradient: gradient, gradientScale: gradientScale, learningRate: learningRate,
        weightDecay: weightDecay)
      self = .adafactor(own)
    }
  }
}
