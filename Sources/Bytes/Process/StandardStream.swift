import Glibc

/// Standard output and standard error, unbuffered, with write errors reported.
public enum StandardStream: Int32, Sendable {
  /// Standard output.
  case output = 1
  /// Standard error.
  case error = 2

  /// Writes all of `text`. Returns false if the reader closed the pipe.
  @discardableResult
  public func write(_ text: String) throws(Failure) -> Bool {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let result = unsafe bytes.withUnsafeBytes { all in
        SystemCall.retrying {
          unsafe Glibc.write(rawValue, all.baseAddress.map { unsafe $0 + done }, all.count - done)
        }
      }
      if result.value > 0 {
        done += result.value
      } else if result.errno == EPIPE {
        return false
      } else {
        let name = self == .output ? "standard output" : "standard error"
        throw SystemCall.failure("write", name, result.errno, reading: false)
      }
    }
    return true
  }

  /// Whether the stream is connected to a terminal.
  public var isTerminal: Bool { isatty(rawValue) == 1 }

  /// The terminal's width in columns; nil if the stream isn't a terminal or the width is unknown.
  public var width: Int? {
    var size = winsize()
    guard unsafe ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}

/// Resources used by this process.
public enum ProcessUsage {
  /// The peak resident memory in bytes.
  public static var peakMemory: Int {
    var usage = rusage()
    guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
    return usage.ru_maxrss * 1024
  }

  /// This process's ID, for messages alone: in another container it is another process's too.
  public static var identifier: Int32 { getpid() }

  /// This process in words, for messages: "process 1 on 3f2a91c04d5e". The machine's name belongs to
  /// it because in containers most processes have the number 1.
  public static var label: String {
    var name = [CChar](repeating: 0, count: 256)
    let isKnown = unsafe gethostname(&name, name.count - 1) == 0
    let host = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return "process \(getpid())"
      + (isKnown && !host.isEmpty ? " on \(String(decoding: host, as: UTF8.self))" : "")
  }

  /// The monotonic clock in seconds.
  public static var clock: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
