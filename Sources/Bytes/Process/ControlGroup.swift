import Glibc

/// The control group (cgroup, version 1 or 2) that limits a resource of this process.
package struct ControlGroup: Sendable {
  /// A limited resource, by the name of its controller in version 1.
  package enum Resource: String, Sendable {
    case memory
    case processor = "cpu"
  }

  /// The folder of the process's own group, then those of its ancestors.
  let folders: [String]
  /// Whether the hierarchy is of version 2.
  let isSecond: Bool

  /// Finds the group of this process; nil if it is in none.
  ///
  /// - Parameter root: the folder that holds `proc` and `sys`; another than `/` for tests.
  package init?(of resource: Resource = .memory, root: String = "") {
    let lines = (SmallFile.text(root + "/proc/self/cgroup") ?? "").split(separator: "\n")
    var found: (path: Substring, isSecond: Bool)?
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      // Version 2 has one unnamed hierarchy, version 1 one per resource. Where both are mounted, the
      // one of version 1 has the limits.
      if parts[1].split(separator: ",").contains(Substring(resource.rawValue)) {
        found = (parts[2], false)
        break
      }
      if parts[1].isEmpty { found = (parts[2], true) }
    }
    let top = root + "/sys/fs/cgroup"
    if found == nil {
      // Without /proc, the root that a container sees is its own group.
      guard SmallFile.text(top + "/\(resource.rawValue).max") != nil else { return nil }
      found = ("", true)
    }
    guard let found else { return nil }
    isSecond = found.isSecond
    let base = isSecond ? top : top + "/" + resource.rawValue
    var parts = found.path.split(separator: "/")
    var folders: [String] = []
    while true {
      folders.append(parts.isEmpty ? base : base + "/" + parts.joined(separator: "/"))
      if parts.isEmpty { break }
      parts.removeLast()
    }
    self.folders = folders
  }

  /// The lowest memory limit, in bytes, of the group and its ancestors; nil if none has one.
  ///
  /// Of version 2 both `memory.max`, beyond which a process is killed, and `memory.high`, beyond
  /// which it is slowed down.
  package var memoryLimit: Int? {
    let files = isSecond ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"]
    return folders.flatMap { folder in
      files.compactMap { file -> Int? in
        let text = SmallFile.text(folder + "/" + file)?.split(separator: "\n").first
        return text.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
      }
    }.min()
  }

  /// The lowest limit on processor time, in processors, of the group and its ancestors; nil if none
  /// has one. It may be a fraction: a container with half a processor runs half of the time.
  package var processorLimit: Double? {
    folders.compactMap { folder -> Double? in
      // "200000 100000": microseconds of processor time in each period; "max", or -1, for no limit.
      let text =
        isSecond
        ? SmallFile.text(folder + "/cpu.max")
        : ["cpu.cfs_quota_us", "cpu.cfs_period_us"].compactMap {
          SmallFile.text(folder + "/" + $0)
        }.joined(separator: " ")
      let numbers = (text ?? "").split { $0 == " " || $0 == "\n" }.map { Double($0) }
      guard numbers.count == 2, let quota = numbers[0], let period = numbers[1] else { return nil }
      return quota > 0 && period > 0 ? quota / period : nil
    }.min()
  }

  /// The number of processes of the group that were killed for lack of memory; nil if the system
  /// doesn't count them.
  package var memoryKills: Int? {
    let file = isSecond ? "memory.events" : "memory.oom_control"
    // A container sees its own group at the root, whatever its path is outside.
    for folder in [folders.first, folders.last].compactMap(\.self) {
      guard let text = SmallFile.text(folder + "/" + file) else { continue }
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        if words.count == 2, words[0] == "oom_kill", let count = Int(words[1]) { return count }
      }
    }
    return nil
  }
}

/// Small files of the system, in /proc and /sys.
enum SmallFile {
  /// Reads up to 16 KiB of a file; nil if it can't be read.
  static func text(_ path: String) -> String? {
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
