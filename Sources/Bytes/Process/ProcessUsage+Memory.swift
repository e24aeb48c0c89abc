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
    guard let text = smallFile("/proc/\(name)/status") else { return nil }
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

  /// The memory in bytes that this process may use: the machine's, or less if a control group sets
  /// a limit.
  public static var availableMemory: Int {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    let machine = pages > 0 && size > 0 ? pages * size : 1 << 32
    return min(machine, controlGroupLimit ?? machine)
  }

  /// The lowest memory limit, in bytes, of this process's control group and its ancestors; nil if
  /// none has one.
  private static var controlGroupLimit: Int? {
    var limits: [Int] = []
    for line in (smallFile("/proc/self/cgroup") ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      // Version 2 of control groups has one unnamed hierarchy, version 1 one per resource.
      let isSecond = parts[1].isEmpty
      guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
      let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let file = isSecond ? "memory.max" : "memory.limit_in_bytes"
      var path = parts[2].split(separator: "/")
      while true {
        let folder = path.isEmpty ? root : root + "/" + path.joined(separator: "/")
        let text = smallFile(folder + "/" + file)?.split(separator: "\n").first
        if let limit = text.flatMap({ Int($0) }), limit > 0 { limits.append(limit) }
        if path.isEmpty { break }
        path.removeLast()
      }
    }
    return limits.min()
  }

  /// Reads up to 16 KiB of a file in /proc or /sys; nil if it can't be read.
  private static func smallFile(_ path: String) -> String? {
    let opened = SystemCall.open(path, O_RDONLY)
    guard opened.value >= 0 else { return nil }
    defer { close(opened.value) }
    var text = [UInt8](repeating: 0, count: 1 << 14)
    let count = unsafe text.withUnsafeMutableBytes { buffer in
      SystemCall.retrying { unsafe read(opened.value, buffer.baseAddress, buffer.count) }
    }
    guard count.value > 0 else { return nil }
    return String(decoding: text.prefix(count.value), as: UTF8.self)
  }
}
