import Bytes
import Synchronization

extension BLAS {
  /// The address space of a buffer that OpenBLAS takes per thread that calls it, and keeps: 128 MiB,
  /// and room for what maps it.
  private static let bufferBytes = 130 << 20
  /// How many threads call the library now, and the most that ever did.
  private static let callers = Mutex<(now: Int, most: Int)>((0, 0))

  /// Runs `body`, which calls OpenBLAS.
  ///
  /// The library asks for its buffer again and again where the system refuses it, without an end.
  /// Whether there is room is therefore tested before, and the process ends with a sentence if not.
  static func call<Result>(_ body: () -> Result) -> Result {
    let needsBuffer = callers.withLock { callers in
      callers.now += 1
      guard callers.now > callers.most else { return false }
      callers.most = callers.now
      return true
    }
    defer { callers.withLock { $0.now -= 1 } }
    if needsBuffer { MemoryShortage.require(bufferBytes) }
    return body()
  }
}
