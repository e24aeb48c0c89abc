import Bytes
import Synchronization

/// The progress display of a build on standard error: one redrawn line on a terminal, otherwise a
/// plain line every five seconds.
package final class BuildProgress: Sendable {
  package enum Style: Sendable, Equatable {
    /// One line redrawn in place, narrower than `width()` columns.
    case redrawn(color: Bool)
    /// A new line for each report that is shown.
    case plain
    /// No output.
    case quiet
  }

  /// A stage in the display.
  struct Entry {
    let name: String
    let unit: String
    let work: Double
    var isOver = false
  }

  struct State {
    var stages: [Entry] = []
    var current: Int?
    var meter = RateMeter()
    var done = 0
    var total = 0
    var note = ""
    /// The work finished in this run and the seconds it took, from which the rate of later stages
    /// is estimated.
    var finishedWork = 0.0
    var finishedSeconds = 0.0
    var beganAt = 0.0
    var drawnAt = -1e9
    var isDrawn = false
  }

  private let style: Style
  private let isVerbose: Bool
  private let clock: @Sendable () -> Double
  private let width: @Sendable () -> Int
  private let write: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// The least number of seconds between two redraws.
  private var interval: Double { style == .plain ? 5 : 0.1 }

  package init(
    style: Style, isVerbose: Bool = false,
    clock: @escaping @Sendable () -> Double = { ProcessUsage.clock },
    width: @escaping @Sendable () -> Int = { StandardStream.error.width ?? 80 },
    write: @escaping @Sendable (String) -> Void = { _ = try? StandardStream.error.write($0) }
  ) {
    self.style = style
    self.isVerbose = isVerbose
    self.clock = clock
    self.width = width
    self.write = write
  }

  /// Starts the display of a build with these stages.
  package func start(_ stages: [(name: String, unit: String, work: Double)]) {
    state.withLock {
      $0 = State()
      $0.stages = stages.map { Entry(name: $0.name, unit: $0.unit, work: $0.work) }
    }
  }

  /// Reports that a stage's outputs are reused.
  package func reuse(_ name: String, _ key: String) {
    state.withLock { state in
      if let index = state.stages.firstIndex(where: { $0.name == name }) {
        state.stages[index].isOver = true
      }
      line("\(padded(name)) reused (\(key))", &state)
    }
  }

  /// Reports that a stage starts to run.
  package func begin(_ name: String) {
    state.withLock { state in
      state.current = state.stages.firstIndex { $0.name == name }
      state.meter = RateMeter()
      state.done = 0
      state.total = 0
      state.note = ""
      state.beganAt = clock()
      state.drawnAt = state.beganAt
      switch style {
      case .plain: line("\(padded(name)) begins", &state)
      case .redrawn:
        write("\r\(padded(name)) …\u{1B}[K")
        state.isDrawn = true
      case .quiet: break
      }
    }
  }

  /// Reports that `done` of `total` units of the running stage are finished.
  package func report(_ done: Int, of total: Int, _ note: String) {
    state.withLock { state in
      let now = clock()
      state.done = done
      state.total = total
      // Names from files may be in it.
      state.note = ShownText.line(note)
      state.meter.add(done, at: now)
      if now - state.drawnAt >= interval {
        state.drawnAt = now
        draw(&state, now)
      }
    }
  }

  /// Reports that the running stage finished.
  package func end(_ name: String, seconds: Double) {
    state.withLock { state in
      if let index = state.current {
        state.stages[index].isOver = true
        if state.setsThePace(index) {
          state.finishedWork += state.stages[index].work
          state.finishedSeconds += seconds
        }
      }
      let note = state.note.isEmpty ? "" : "  " + state.note
      line("\(padded(name)) done in \(Figure.time(seconds))\(note)", &state)
      state.current = nil
    }
  }

  /// Prints a line, unless the display is quiet.
  func say(_ text: String) { state.withLock { line(text, &$0) } }

  /// Prints a line in verbose mode only.
  package func detail(_ text: String) { if isVerbose { say(text) } }

  /// Clears the redrawn line from the terminal.
  func finish() { state.withLock { clear(&$0) } }

  private func padded(_ name: String) -> String {
    name + String(repeating: " ", count: max(0, 10 - name.utf8.count))
  }

  private func line(_ text: String, _ state: inout State) {
    guard style != .quiet else { return }
    clear(&state)
    write(ShownText.line(text) + "\n")
  }

  private func clear(_ state: inout State) {
    if state.isDrawn { write("\r\u{1B}[K") }
    state.isDrawn = false
  }

  private func draw(_ state: inout State, _ now: Double) {
    guard let index = state.current else { return }
    let stage = state.stages[index]
    let left = state.meter.secondsLeft(of: state.total)
    let view = ProgressLine(
      name: padded(stage.name), unit: stage.unit, done: state.done, total: state.total,
      left: left, leftInAll: state.secondsLeftInAll(stageLeft: left, now: now), note: state.note)
    switch style {
    case .quiet: break
    case .plain: write(view.plain + "\n")
    case .redrawn(let color):
      write("\r" + view.fitted(to: width() - 1, color: color) + "\u{1B}[K")
      state.isDrawn = true
    }
  }
}

extension BuildProgress.State {
  /// Returns whether a stage's rate predicts that of others. Stages with hardly any work (import,
  /// calibrate) don't, because they are bound by the disk.
  func setsThePace(_ index: Int) -> Bool {
    stages[index].work >= 0.02 * stages.reduce(0) { $0 + $1.work }
  }

  /// Returns the seconds until the build ends: the rest of the running stage plus the later stages
  /// at the rate measured so far; nil before a rate is known.
  func secondsLeftInAll(stageLeft: Double?, now: Double) -> Double? {
    guard let current, let stageLeft, total > 0 else { return nil }
    let isRepresentative = setsThePace(current)
    let share = Double(done) / Double(total)
    let work = finishedWork + (isRepresentative ? stages[current].work * share : 0)
    let seconds = finishedSeconds + (isRepresentative ? now - beganAt : 0)
    let coming = stages.indices.filter { $0 > current && !stages[$0].isOver }
      .reduce(0) { $0 + stages[$1].work }
    if coming == 0 { return stageLeft }
    guard work > 0, seconds > 0 else { return nil }
    return stageLeft + coming * seconds / work
  }
}
