import Builds
import Bytes
import Synchronization
import Testing

@Suite struct ProgressTests {
  /// A clock set by the test, and all output so far.
  final class World: Sendable {
    private let now = Mutex(0.0)
    private let text = Mutex("")
    var time: Double {
      get { now.withLock { $0 } }
      set { now.withLock { $0 = newValue } }
    }
    var written: String { text.withLock { $0 } }
    func write(_ new: String) { text.withLock { $0 += new } }
  }

  private func progress(_ style: BuildProgress.Style, _ world: World, width: Int = 60)
    -> BuildProgress
  {
    BuildProgress(
      style: style, clock: { world.time }, width: { width }, write: { world.write($0) })
  }

  @Test func plainLinesAreThrottledAndNameTheTimeLeft() {
    let world = World()
    let progress = progress(.plain, world)
    progress.start([("import", "tensor", 1), ("compress", "block", 10), ("verify", "window", 10)])
    progress.reuse("import", "abc")
    progress.begin("compress")
    for block in 0...10 {
      world.time = Double(block)
      progress.report(block, of: 20, "loss 0.5")
    }
    let lines = world.written.split(separator: "\n").map(String.init)
    #expect(
      lines == [
        "import     reused (abc)", "compress   begins",
        "compress   block 5 of 20 (25 %); 15 s left, 35 s in all; loss 0.5",
        "compress   block 10 of 20 (50 %); 10 s left, 30 s in all; loss 0.5",
      ])
    #expect(!world.written.contains("\u{1B}"))
  }

  /// A stage with hardly any work, bound by the disk, doesn't predict the rate of the others.
  @Test func slowSmallStagesDoNotSetTheRate() {
    let world = World()
    let progress = progress(.plain, world)
    progress.start([("import", "tensor", 1), ("compress", "block", 99), ("verify", "window", 100)])
    progress.begin("import")
    for tensor in 0...5 {
      world.time = 10 * Double(tensor)
      progress.report(tensor, of: 10, "")
    }
    progress.end("import", seconds: 100)
    progress.begin("compress")
    for block in 0...10 {
      world.time = 50 + Double(block)
      progress.report(block, of: 20, "")
    }
    let lines = world.written.split(separator: "\n").map(String.init)
    #expect(lines.contains { $0.hasPrefix("import") && $0.contains("left") })
    #expect(!lines.contains { $0.hasPrefix("import") && $0.contains("in all") })
    // 10 s for the second half, and 100 units of work at 49.5 units per 10 s.
    #expect(lines.last == "compress   block 10 of 20 (50 %); 10 s left, 30 s in all", "\(lines)")
  }

  @Test(arguments: [true, false])
  func detailsAreShownOnlyInVerboseMode(isVerbose: Bool) {
    let world = World()
    let progress = BuildProgress(
      style: .plain, isVerbose: isVerbose, clock: { world.time }, write: { world.write($0) })
    progress.detail("block 3: solving 2 s")
    #expect(world.written == (isVerbose ? "block 3: solving 2 s\n" : ""))
  }

  @Test(arguments: [20, 40, 60, 200])
  func redrawnLinesNeverWrap(width: Int) {
    let world = World()
    let progress = progress(.redrawn(color: false), world, width: width)
    progress.start([("compress", "block", 1)])
    progress.begin("compress")
    for block in 0...30 {
      world.time = Double(block) * 7
      progress.report(block, of: 30, "relative error 0.0123, damping raised twice")
    }
    let drawn = world.written.split(separator: "\r").map { $0.replacing("\u{1B}[K", with: "") }
    #expect(drawn.count == 31, "one line at the start, and one for each report after the interval")
    for line in drawn { #expect(line.count < width, "\(line)") }
    progress.end("compress", seconds: 210)
    #expect(
      world.written.hasSuffix(
        "compress   done in 3:30  relative error 0.0123, damping raised twice\n"))
  }

  @Test func quietPrintsNothing() {
    let world = World()
    let progress = progress(.quiet, world)
    progress.start([("compress", "block", 1)])
    progress.begin("compress")
    world.time = 100
    progress.report(1, of: 2, "")
    progress.end("compress", seconds: 100)
    #expect(world.written.isEmpty)
  }

  /// Work outside a build is shown from its first report on, and not at all without one.
  @Test func workOutsideOfABuild() throws {
    let world = World()
    let plain = progress(.plain, world)
    #expect(try plain.alone("keys", unit: "token", unlessDone: "nothing") { _ in 3 } == 3)
    #expect(world.written.isEmpty)
    try plain.alone("keys", unit: "token", unlessDone: "nothing") { progress in
      for part in 0...10 {
        world.time = Double(part)
        try progress.report(part, of: 10, "`a`")
      }
    }
    #expect(
      world.written.split(separator: "\n").map(String.init) == [
        "keys       begins", "keys       token 5 of 10 (50 %); 5.0 s left; `a`",
        "keys       token 10 of 10 (100 %); 0.0 s left; `a`",
      ])
    // A failure also clears the line from the terminal.
    let terminal = World()
    let redrawn = progress(.redrawn(color: false), terminal)
    #expect(throws: Failure.self) {
      try redrawn.alone("keys", unit: "token", unlessDone: "nothing") { progress in
        try progress.report(0, of: 10)
        throw Failure(.notMet, "not finite")
      }
    }
    #expect(terminal.written.hasSuffix("\r\u{1B}[K"))
  }

  /// A resumed stage starts in the middle; the work of earlier runs must not count towards the
  /// rate.
  @Test func theRateCountsOnlyThisRun() throws {
    var meter = RateMeter()
    meter.add(900, at: 0)
    #expect(meter.secondsLeft(of: 1000) == nil)
    meter.add(910, at: 10)
    #expect(try #require(meter.secondsLeft(of: 1000)) == 90)
  }

  @Test func theRateFollowsLongRuns() throws {
    var meter = RateMeter()
    for step in 0...10_000 { meter.add(step, at: Double(step) * 0.5) }
    #expect(abs(try #require(meter.secondsLeft(of: 10_100)) - 50) < 1)
  }
}
