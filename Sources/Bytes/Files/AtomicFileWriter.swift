import Glibc

/// A writer whose file appears complete or not at all: bytes go to a temporary file in the same
/// folder, and `publish` syncs it and renames it into place. Without `publish`, the temporary file
/// is removed.
///
/// The writer holds a lock on the temporary file. The system releases it however the process ends,
/// so that the next writer of the same path knows the remains of a killed one, and removes them.
@safe public struct AtomicFileWriter: ~Copyable {
  public let path: String
  /// The place of a file that the user named; nil for a file of the program's own.
  private let destination: FileDestination?
  private let temporary: TemporaryFile
  private var descriptor: Int32 { temporary.descriptor }
  private var buffer: [UInt8] = []
  private var flushed = 0
  private var published = false
  private static let bufferSize = 1 << 20

  /// The number of bytes written so far.
  public var offset: Int { flushed + buffer.count }

  /// Creates the temporary file of a file of the program's own, after removing those of killed writers.
  /// A symbolic link of its name is replaced by the file.
  ///
  /// - Throws: `cannotCreate` if the folder doesn't allow a new file; `io` if the disk is full.
  public init(path: String) throws(Failure) { try self.init(path, nil) }

  /// Creates the temporary file of a file that the user named. A symbolic link is followed, and a file
  /// that is there already passes its mode, owner and extended attributes on.
  ///
  /// - Throws: `cannotCreate` if the folder doesn't allow a new file; `io` if the disk is full.
  public init(_ destination: FileDestination) throws(Failure) {
    try self.init(destination.path, destination)
  }

  private init(_ path: String, _ destination: FileDestination?) throws(Failure) {
    self.path = path
    self.destination = destination
    AtomicFile.sweepTemporaries(of: path)
    self.temporary = try TemporaryFile(of: path, mode: destination?.temporaryMode ?? 0o644)
    buffer.reserveCapacity(Self.bufferSize)
  }

  /// Appends `content`.
  public mutating func write(_ content: [UInt8]) throws(Failure) {
    if content.count >= Self.bufferSize {
      try flush()
      try unsafe content.withUnsafeBufferPointer { (bytes) throws(Failure) in
        try unsafe put(UnsafeRawBufferPointer(bytes))
      }
    } else {
      buffer.append(contentsOf: content)
      if buffer.count >= Self.bufferSize { try flush() }
    }
  }

  /// Appends `content`.
  public mutating func write(_ content: ByteSlice) throws(Failure) {
    if content.count < Self.bufferSize { return try write(content.array) }
    try flush()
    try unsafe content.withUnsafeBytes { (bytes) throws(Failure) in try unsafe put(bytes) }
  }

  /// Appends `text` in UTF-8.
  public mutating func write(_ text: String) throws(Failure) { try write(Array(text.utf8)) }

  /// Writes zero bytes up to the next multiple of `alignment` (≥ 1) bytes.
  public mutating func pad(to alignment: Int) throws(Failure) {
    precondition(alignment >= 1)
    let rest = offset % alignment
    if rest != 0 { try write([UInt8](repeating: 0, count: alignment - rest)) }
  }

  /// Replaces bytes already written, such as a header that is known only at the end.
  public mutating func overwrite(at place: Int, _ content: [UInt8]) throws(Failure) {
    precondition(place >= 0 && place + content.count <= offset)
    try flush()
    try unsafe content.withUnsafeBufferPointer { (bytes) throws(Failure) in
      try unsafe SystemCall.writeAll(descriptor, UnsafeRawBufferPointer(bytes), at: place, path)
    }
  }

  private mutating func flush() throws(Failure) {
    if buffer.isEmpty { return }
    let pending = buffer
    buffer.removeAll(keepingCapacity: true)
    try unsafe pending.withUnsafeBufferPointer { (bytes) throws(Failure) in
      try unsafe put(UnsafeRawBufferPointer(bytes))
    }
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    try unsafe SystemCall.writeAll(descriptor, bytes, at: flushed, path)
    flushed += bytes.count
  }

  /// Syncs the content and renames it to `path`, replacing any file there.
  ///
  /// - Parameter check: called last before the file is replaced, which doesn't happen if it throws.
  public consuming func publish(
    if check: () throws(Failure) -> Void = { () throws(Failure) in }
  ) throws(Failure) {
    try complete()
    try check()
    guard unsafe rename(temporary.path, path) == 0 else {
      throw SystemCall.creationFailure("can't be renamed into place", path, errno)
    }
    published = true
    // The finished file is locked by those who edit it.
    temporary.unlock()
    try SystemCall.synchronizeFolder(of: path)
  }

  /// Syncs the content and replaces the file that `lock` holds; if there was none, none may have
  /// appeared meanwhile.
  ///
  /// - Throws: `busy` if another file got the name meanwhile.
  public consuming func publish(replacing lock: borrowing ReplacementLock) throws(Failure) {
    try complete()
    try lock.place(temporary.path)
    published = true
    temporary.unlock()
    try SystemCall.synchronizeFolder(of: path)
  }

  /// Writes what is buffered, takes over mode, owner and extended attributes of the file to be
  /// replaced, and syncs.
  private mutating func complete() throws(Failure) {
    try flush()
    try destination?.keepAttributes(on: descriptor)
    try SystemCall.synchronize(descriptor, path)
  }

  deinit {
    // Removed before it is unlocked, so that nobody else finds it unlocked.
    if !published { _ = unsafe unlink(temporary.path) }
    temporary.unlock()
    close(descriptor)
  }
}
