import Glibc

extension ProcessUsage {
  /// The memory of a process that is resident now, in bytes.
  public struct Memory: Sendable {
    /// All resident pages (RSS), including those of mapped files, which the system can drop.
    public let resident: Int
    /// The resident pages that belong to no file.
    public let anonymous: Int
  }

  /// The memory of this process; nil if the system doesn't report it.
  public static var memory: Memory? { memory(ofProcess: "self") }

  /// Returns the memory of the process with this ID; nil if the system doesn't report it.
  public static func memory(of process: Int32) -> Memory? { memory(ofProcess: "\(process)") }

  private static func memory(ofProcess name: String) -> Memory? {
    guard let text = SmallFile.text("/proc/\(name)/status") else { return nil }
    func kilobytes(_ field: Substring) -> Int? {
      for line in text.split(separator: "\n") where line.hasPrefix(field) {
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
          .flatMap { Int($0) }
      }
      return nil
    }
    guard let resident = kilobytes("VmRSS:"), let anonymous = kilobytes("RssAnon:") else {
      return nil
    }
    return Memory(resident: resident * 1024, anonymous: anonymous * 1024)
  }

  /// The memory in bytes that this process may use: the machine's, or less if a control group or a
  /// limit on address space (`ulimit -v`) sets a lower one.
  public static var availableMemory: Int {
    availableMemory(in: ControlGroup())
  }

  /// The memory in bytes that a process in `group` may use.
  package static func availableMemory(in group: ControlGroup?) -> Int {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    let machine = pages > 0 && size > 0 ? pages * size : 1 << 32
    return min(machine, group?.memoryLimit ?? machine, addressSpaceLimit ?? machine)
  }

  /// The limit on this process's address space in bytes; nil if there is none.
  private static var addressSpaceLimit: Int? {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return nil }
    return limit.rlim_cur == rlim_t.max ? nil : Int(clamping: limit.rlim_cur)
  }
}
