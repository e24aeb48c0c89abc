import Glibc

extension ProcessUsage {
  /// Bytes of this process that are in memory right now.
  public struct Memory: Sendable {
    /// All of them, pages of mapped files included, which the system can drop at any time.
    public let resident: Int
    /// Those that belong to no file.
    public let anonymous: Int
  }

  /// nil where the system doesn't say.
  public static var memory: Memory? { memory(ofProcess: "self") }

  /// The memory of another process, by its id.
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

  /// Bytes of memory that this process may hope for: the machine's, or less where a control group
  /// sets a limit.
  public static var availableMemory: Int {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    let machine = pages > 0 && size > 0 ? pages * size : 1 << 32
    return min(machine, controlGroupLimit ?? machine)
  }

  /// The lowest limit of this process' control group and those around it; nil where none has one.
  private static var controlGroupLimit: Int? {
    var limits: [Int] = []
    for line in (smallFile("/proc/self/cgroup") ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      // Version 2 has one hierarchy with no name, version 1 one per resource.
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

  /// The beginning of a file that the system makes up as it is read; nil where there is none.
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
