import Glibc

extension ProcessUsage {
  /// The most memory in bytes that was resident at once since the last `restartPeak`, or since the program
  /// was started; nil if the system doesn't report it. Pages of mapped files count, which the system can drop.
  ///
  /// `peakMemory` can't be restarted, and counts the program that started this one.
  package static var peakResident: Int? {
    guard let text = SmallFile.text("/proc/self/status") else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("VmHWM:") {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      return words.dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    return nil
  }

  /// Makes the memory that is resident now the peak, so that `peakResident` is that of the work to follow.
  ///
  /// - Returns: false if the system doesn't allow it; the peak is then that of the whole process.
  package static func restartPeak() -> Bool {
    let opened = SystemCall.open("/proc/self/clear_refs", O_WRONLY)
    guard opened.value >= 0 else { return false }
    defer { close(opened.value) }
    let command: [UInt8] = [UInt8(ascii: "5")]
    return unsafe write(opened.value, command, command.count) == command.count
  }
}
