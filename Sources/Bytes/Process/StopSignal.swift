import Glibc
import Synchronization

/// A flag set by SIGINT (Ctrl-C), SIGTERM or SIGHUP, which long work checks between two steps.
///
/// A stop signal always ends the process: at once if no work has checked the flag so far, otherwise
/// after the current step, or after `patience` seconds if the step takes longer. What a step computed
/// in vain is computed again by the next run.
public enum StopSignal {
  private static let count = Atomic<Int>(0)
  private static let exitStatus = Atomic<Int32>(1)
  private static let wasChecked = Atomic<Bool>(false)
  /// The most seconds between the first signal and the end.
  public static let patience: UInt32 = 60
  private static let first: StaticString =
    "\nctpack: stopping after this step, or in 60 seconds; interrupt again to quit at once\n"
  private static let early: StaticString =
    "\nctpack: stopped; run the same command again to resume\n"
  private static let late: StaticString =
    "ctpack: stopped within a step that takes too long; run the same command again to resume\n"

  /// Whether a stop was requested.
  public static var isRequested: Bool {
    wasChecked.store(true, ordering: .relaxed)
    return count.load(ordering: .relaxed) > 0
  }

  /// Installs the handlers: the first signal sets the flag, the second ends the process with
  /// `exitStatus`. Also turns SIGPIPE and SIGXFSZ into write errors.
  public static func install(exitStatus: Int32) {
    Self.exitStatus.store(exitStatus, ordering: .relaxed)
    // Access these before a handler can run, so that the handler runs no initializer.
    _ = (count.load(ordering: .relaxed), patience)
    wasChecked.store(false, ordering: .relaxed)
    _ = unsafe (first.utf8Start, early.utf8Start, late.utf8Start)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // Under `nohup`, closing the terminal must not stop the build.
      if number == SIGHUP, isIgnored(number) { continue }
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in
        // Only async-signal-safe calls here.
        if StopSignal.count.add(1, ordering: .relaxed).oldValue > 0 {
          _exit(StopSignal.exitStatus.load(ordering: .relaxed))
        }
        guard StopSignal.wasChecked.load(ordering: .relaxed) else {
          _ = unsafe write(2, StopSignal.early.utf8Start, StopSignal.early.utf8CodeUnitCount)
          _exit(StopSignal.exitStatus.load(ordering: .relaxed))
        }
        _ = unsafe write(2, StopSignal.first.utf8Start, StopSignal.first.utf8CodeUnitCount)
        alarm(StopSignal.patience)
      }
      // No SA_RESTART: a blocking read ends with EINTR and its caller checks the flag.
      unsafe sigaction(number, &action, nil)
    }
    installAlarm()
    unblock([SIGINT, SIGTERM, SIGALRM])
    ignoreFailedWrites()
  }

  /// Ends the process where the first signal's time is up.
  private static func installAlarm() {
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in
      _ = unsafe write(2, StopSignal.late.utf8Start, StopSignal.late.utf8CodeUnitCount)
      _exit(StopSignal.exitStatus.load(ordering: .relaxed))
    }
    unsafe sigaction(SIGALRM, &action, nil)
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
