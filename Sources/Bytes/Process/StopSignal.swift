import Glibc
import Synchronization

/// A flag set by SIGINT (Ctrl-C), SIGTERM or SIGHUP, which long work checks between two steps.
public enum StopSignal {
  private static let count = Atomic<Int>(0)
  private static let exitStatus = Atomic<Int32>(1)
  private static let first: StaticString =
    "\nctpack: stopping after this step; interrupt again to quit at once\n"

  /// Whether a stop was requested.
  public static var isRequested: Bool { count.load(ordering: .relaxed) > 0 }

  /// Installs the handlers: the first signal sets the flag, the second ends the process with
  /// `exitStatus`. Also turns SIGPIPE and SIGXFSZ into write errors.
  public static func install(exitStatus: Int32) {
    Self.exitStatus.store(exitStatus, ordering: .relaxed)
    // Access these before a handler can run, so that the handler runs no initializer.
    _ = isRequested
    _ = unsafe first.utf8Start
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // Under `nohup`, closing the terminal must not stop the build.
      if number == SIGHUP, isIgnored(number) { continue }
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in
        // Only async-signal-safe calls here.
        if StopSignal.count.add(1, ordering: .relaxed).oldValue > 0 {
          _exit(StopSignal.exitStatus.load(ordering: .relaxed))
        }
        _ = unsafe write(2, StopSignal.first.utf8Start, StopSignal.first.utf8CodeUnitCount)
      }
      // No SA_RESTART: a blocking read ends with EINTR and its caller checks the flag.
      unsafe sigaction(number, &action, nil)
    }
    unblock([SIGINT, SIGTERM])
    ignoreFailedWrites()
  }

  /// Unblocks the signals, because a child inherits the signal mask of the thread that started it.
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

  /// Ignores the signals of failed writes, so that the write itself returns an error.
  private static func ignoreFailedWrites() {
    var ignore = sigaction()
    unsafe ignore.__sigaction_handler.sa_handler = SIG_IGN
    unsafe sigaction(SIGPIPE, &ignore, nil)
    // Exceeding the file-size limit then fails the write with EFBIG, in an error that names the
    // file.
    unsafe sigaction(SIGXFSZ, &ignore, nil)
  }
}
