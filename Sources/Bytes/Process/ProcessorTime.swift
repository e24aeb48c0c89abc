import Glibc

/// Processor time in seconds that this process and the whole machine have used up to a moment: two of them
/// tell whether other processes competed for the cores in between.
package struct ProcessorTime: Sendable {
  /// The monotonic clock.
  let clock: Double
  /// Time of all threads of this process.
  let own: Double
  /// Busy time of all the machine's cores, this process included; nil if the system doesn't report it.
  let machine: Double?

  package init(clock: Double, own: Double, machine: Double?) {
    (self.clock, self.own, self.machine) = (clock, own, machine)
  }

  /// The times up to now.
  package static var now: ProcessorTime {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    let machine = SmallFile.text("/proc/stat").flatMap {
      busySeconds(inStat: $0, ticks: sysconf(Int32(_SC_CLK_TCK)))
    }
    return ProcessorTime(
      clock: ProcessUsage.clock, own: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9,
      machine: machine)
  }

  /// Returns how many cores other processes, and other virtual machines on the same hardware, kept busy on
  /// average from this moment to `later`; nil if the system doesn't report it, or no time has passed.
  package func otherCores(until later: ProcessorTime) -> Double? {
    let elapsed = later.clock - clock
    guard let before = machine, let after = later.machine, elapsed > 0 else { return nil }
    return max(0, after - before - (later.own - own)) / elapsed
  }

  /// The busy time in seconds of the line `cpu` of /proc/stat, whose numbers count ticks: everything but
  /// idling (number 4) and waiting for disks (number 5). Time of guests (numbers 9 and 10) is part of the
  /// first two already.
  package static func busySeconds(inStat text: String, ticks: Int) -> Double? {
    guard ticks > 0, let line = text.split(separator: "\n").first(where: { $0.hasPrefix("cpu ") })
    else { return nil }
    let numbers = line.split(separator: " ").dropFirst().prefix(8).map { Double($0) ?? .nan }
    guard numbers.count >= 4, numbers.allSatisfy(\.isFinite) else { return nil }
    let busy = numbers.enumerated().filter { $0.offset != 3 && $0.offset != 4 }
    return busy.reduce(0) { $0 + $1.element } / Double(ticks)
  }
}

/// Facts about the machine that a measured time depends on.
package enum MachineFacts {
  /// The processor's name as the system gives it: "AMD EPYC 7B13"; nil if it gives none.
  package static var processor: String? {
    SmallFile.text("/proc/cpuinfo").flatMap(processor(inCPUInfo:))
  }

  /// The first processor's name in the text of /proc/cpuinfo.
  package static func processor(inCPUInfo text: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix("model name") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let name = line[line.index(after: colon)...].split(separator: " ").joined(separator: " ")
      if !name.isEmpty { return name }
    }
    return nil
  }

  /// The average number of processes that ran or waited for a core in the last 1, 5 and 15 minutes; nil if
  /// the system doesn't report it.
  package static var loadAverage: [Double]? {
    let numbers = SmallFile.text("/proc/loadavg")?.split(separator: " ").prefix(3)
      .compactMap { Double($0) }
    return numbers.flatMap { $0.count == 3 ? $0 : nil }
  }
}
