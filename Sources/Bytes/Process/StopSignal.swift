import Glibc
import Synchronization

/// Ctrl-C and a polite kill (SIGINT, SIGTERM, SIGHUP), as a flag that long work looks at between
/// two steps.
public enum StopSignal {
  private static let count = Atomic<Int>(0)
  private static let exitStatus = Atomic<Int32>(1)
  private static let first: StaticString =
    "\nctpack: stopping after this step; once more to quit at once\n"

  /// Whether the user asked to stop.
  public static var isRequested: Bool { count.load(ordering: .relaxed) > 0 }

  /// Makes the first signal set the flag and the second end the process with `exitStatus`.
  /// A closed pipe becomes an error of the write, not a signal.
  public static func install(exitStatus: Int32) {
    Self.exitStatus.store(exitStatus, ordering: .relaxed)
    // Touched before a handler can run, so that the handler meets no initializer.
    _ = isRequested
    _ = unsafe first.utf8Start
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // `nohup` means that the end of the terminal is not the end of the build.
      if number == SIGHUP, isIgnored(number) { continue }
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in
        // Only async-signal-safe calls here.
        if StopSignal.count.add(1, ordering: .relaxed).oldValue > 0 {
          _exit(StopSignal.exitStatus.load(ordering: .relaxed))
        }
        _ = unsafe write(2, StopSignal.first.utf8Start, StopSignal.first.utf8CodeUnitCount)
      }
      // Not restarted: a blocking read ends with EINTR and its caller looks at the flag.
      unsafe sigaction(number, &action, nil)
    }
    unblock([SIGINT, SIGTERM])
    ignoreFailedWrites()
  }

  /// A parent that started this process from a thread with blocked signals passes the block on.
  private static func unblock(_ numbers: [Int32]) {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var current = sigaction()
    guard unsafe sigaction(number, nil, &current) == 0 else { return false }
    let handler = unsafe unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self)
    return unsafe handler == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  private static func ignoreFailedWrites() {
    var ignore = sigaction()
    unsafe ignore.__sigaction_handler.sa_handler = SIG_IGN
    unsafe sigaction(SIGPIPE, &ignore, nil)
    // A file-size limit is then a failed write (EFBIG) that names the file.
    unsafe sigaction(SIGXFSZ, &ignore, nil)
  }
}
