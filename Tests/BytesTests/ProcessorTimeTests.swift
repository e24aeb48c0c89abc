import Bytes
import Testing

/// Processor time of this process and of the machine, and the facts beside measured times.
@Suite struct ProcessorTimeTests {
  @Test func idlingAndWaitingAreNotBusy() {
    // user nice system idle iowait irq softirq steal guest guest_nice
    let text = "cpu  100 20 30 1000 50 6 4 40 7 8\ncpu0 1 2 3 4 5 6 7 8 9 10\nctxt 5\n"
    #expect(ProcessorTime.busySeconds(inStat: text, ticks: 100) == 2)
    #expect(ProcessorTime.busySeconds(inStat: "cpu 1 2 3 4\n", ticks: 1) == 6)
    for bad in ["", "cpu0 1 2 3 4\n", "cpu 1 2 3\n", "cpu 1 2 x 4\n"] {
      #expect(ProcessorTime.busySeconds(inStat: bad, ticks: 100) == nil, "\(bad)")
    }
    #expect(ProcessorTime.busySeconds(inStat: text, ticks: 0) == nil)
  }

  @Test func otherProcessesAreWhatIsBusyWithoutThisOne() {
    let start = ProcessorTime(clock: 10, own: 1, machine: 100)
    #expect(start.otherCores(until: ProcessorTime(clock: 14, own: 3, machine: 108)) == 1.5)
    // The counters of the machine are coarser than those of the process.
    #expect(start.otherCores(until: ProcessorTime(clock: 14, own: 3, machine: 101.9)) == 0)
    #expect(start.otherCores(until: ProcessorTime(clock: 14, own: 3, machine: nil)) == nil)
    #expect(start.otherCores(until: start) == nil)
  }

  @Test func theSystemReportsThem() throws {
    let start = ProcessorTime.now
    var sum: UInt64 = 1
    for value in 0..<2_000_000 as Range<UInt64> { sum = sum &* 31 &+ value }
    let end = ProcessorTime.now
    #expect(sum != 0)
    let others = try #require(start.otherCores(until: end))
    #expect(others >= 0 && others < 4096)
    let load = try #require(MachineFacts.loadAverage)
    #expect(load.count == 3 && load.allSatisfy { $0 >= 0 })
  }

  @Test func theFirstProcessorIsNamed() {
    let text = "processor\t: 0\nmodel name\t: AMD  EPYC 7B13\nmodel name\t: other\n"
    #expect(MachineFacts.processor(inCPUInfo: text) == "AMD EPYC 7B13")
    #expect(MachineFacts.processor(inCPUInfo: "processor : 0\nCPU part : 0xd0c\n") == nil)
    #expect(MachineFacts.processor(inCPUInfo: "model name :\n") == nil)
  }

  /// The peak counts what was freed since, until it is restarted.
  @Test func thePeakCanBeRestarted() throws {
    let size = 256 << 20
    let peak: Int
    do {
      let block = [UInt8](repeating: 1, count: size)
      #expect(block.last == 1)
      peak = try #require(ProcessUsage.peakResident)
    }
    #expect(peak >= size)
    guard ProcessUsage.restartPeak() else { return }
    let restarted = try #require(ProcessUsage.peakResident)
    #expect(restarted < peak)
  }
}
