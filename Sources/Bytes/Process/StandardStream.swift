import Glibc

/// Standard output and standard error, written to without buffering and with errors that are not
/// lost.
public enum StandardStream: Int32, Sendable {
  /// Standard output.
  case output = 1
  /// Standard error.
  case error = 2

  /// Writes all of `text`. Returns false if the reader has closed the pipe.
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

  /// Columns of the terminal; nil where it is none or doesn't say.
  public var width: Int? {
    var size = winsize()
    guard unsafe ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}

/// The resources that this process has used so far.
public enum ProcessUsage {
  /// The largest resident memory in bytes.
  public static var peakMemory: Int {
    var usage = rusage()
    guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
    return usage.ru_maxrss * 1024
  }

  /// Whether a process with this number exists.
  public static func isRunning(_ process: Int32) -> Bool {
    kill(process, 0) == 0 || errno == EPERM
  }

  /// The process id.
  public static var identifier: Int32 { getpid() }

  /// Seconds of a clock that never goes back.
  public static var clock: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
