import Glibc
import Synchronization

/// A regular file mapped for reading. Its slices keep the mapping alive.
public final class MappedFile: Sendable {
  /// The file, as it was named.
  public let path: String
  /// The bytes of the whole file.
  public let bytes: ByteSlice
  private let mapping: Mapping

  /// A hint to the kernel about the coming accesses to a part of the file.
  public enum Advice: Sendable {
    /// Reading will be from front to back.
    case sequential
    /// Reading will be in no order.
    case random
    /// The bytes are needed soon: read ahead.
    case willNeed
    /// The bytes aren't needed any more: their memory may be reused.
    case dontNeed
  }

  /// Maps the regular file at `path`.
  ///
  /// - Throws: `inputMissing` if it is missing or can't be opened, `io` if it can't be mapped.
  public convenience init(path: String) throws(Failure) {
    // Without O_NONBLOCK, opening a named pipe would block until it has a writer.
    let opened = SystemCall.open(path, O_RDONLY | O_NONBLOCK)
    guard opened.value >= 0 else {
      throw SystemCall.failure("open", path, opened.errno, reading: true)
    }
    defer { close(opened.value) }
    try self.init(descriptor: opened.value, path: path)
  }

  /// Maps the file at `path`; nil if there is none.
  /// - Throws: as `init(path:)`, but for a file that is absent.
  package static func ifPresent(_ path: String) throws(Failure) -> MappedFile? {
    do throws(Failure) { return try MappedFile(path: path) } catch {
      if !isPresent(path) { return nil }
      throw error
    }
  }

  /// Whether something has the name `path`, be it readable or not. False only if the system says that
  /// nothing has.
  package static func isPresent(_ path: String) -> Bool {
    var status = stat()
    guard unsafe lstat(path, &status) != 0 else { return true }
    return errno != ENOENT && errno != ENOTDIR
  }

  /// Maps the open regular file `descriptor`, which `path` names in error texts.
  init(descriptor: Int32, path: String) throws(Failure) {
    self.path = path
    self.mapping = try Mapping(descriptor: descriptor, path: path)
    unsafe self.bytes = ByteSlice(UnsafeRawBufferPointer(mapping.memory), owner: mapping)
  }

  /// The file's inode and size when it was mapped, whatever has its name by now.
  public var identity: FileIdentity { mapping.identity }

  /// Passes a hint about `range` in bytes (nil for the whole file) to the kernel; never fails.
  public func advise(_ advice: Advice, _ range: Range<Int>? = nil) {
    let code =
      switch advice {
      case .sequential: MADV_SEQUENTIAL
      case .random: MADV_RANDOM
      case .willNeed: MADV_WILLNEED
      case .dontNeed: MADV_DONTNEED
      }
    let range = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
    let page = 4096
    let start = range.lowerBound / page * page
    guard range.upperBound > start, let base = unsafe mapping.memory.baseAddress else { return }
    _ = unsafe madvise(base + start, range.upperBound - start, code)
  }

  private static let truncationStatus = Atomic<Int32>(1)

  /// Installs a SIGBUS handler that ends the process with one sentence and `exitStatus` if a mapped
  /// file shrinks, instead of a core dump. A program's main calls it once.
  public static func installTruncationGuard(exitStatus: Int32) {
    // Also initializes the static variable, so that the handler doesn't have to.
    truncationStatus.store(exitStatus, ordering: .relaxed)
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in
      // Only async-signal-safe calls here: no allocation, no locks.
      let text: StaticString =
        "ctpack: a file shrank while it was being read; check that nothing else writes to it\n"
      _ = unsafe write(2, text.utf8Start, text.utf8CodeUnitCount)
      _exit(MappedFile.truncationStatus.load(ordering: .relaxed))
    }
    unsafe sigaction(SIGBUS, &action, nil)
  }
}

/// The memory of a mapped file, unmapped when its last slice is released.
@safe final class Mapping: Sendable {
  nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer
  let identity: FileIdentity

  init(descriptor: Int32, path: String) throws(Failure) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw SystemCall.failure("fstat", path, errno, reading: true)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw Failure(
        .inputMissing, file: path, "is a folder, not a file", advice: "give a file in it")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.inputMissing, file: path, "is not a regular file")
    }
    identity = FileIdentity(status)
    let size = Int(status.st_size)
    guard size > 0 else {
      unsafe memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw SystemCall.failure("mmap", path, errno, reading: true)
    }
    unsafe memory = UnsafeMutableRawBufferPointer(start: address, count: size)
  }

  /// Drops the pages that overlap `bytes`, a part of the mapped memory.
  func release(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, let base = unsafe memory.baseAddress,
      unsafe !bytes.isEmpty
    else {
      return
    }
    let offset = unsafe start - UnsafeRawPointer(base)
    let inPage = offset % 4096
    _ = unsafe madvise(base + offset - inPage, bytes.count + inPage, MADV_DONTNEED)
  }

  deinit {
    if let base = unsafe memory.baseAddress { _ = unsafe munmap(base, memory.count) }
  }
}
