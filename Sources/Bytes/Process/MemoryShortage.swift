import Glibc

/// The end of the process where memory that it can't do without is refused.
package enum MemoryShortage {
  /// The exit status: EX_OSERR of BSD's `sysexits.h`.
  package static let exitStatus: Int32 = 71

  /// Ends the process with one sentence, because `byteCount` bytes of memory were refused in a place
  /// that can't pass an error on.
  package static func end(refused byteCount: Int) -> Never {
    let text =
      "ctpack: there is too little memory: the system refused \(byteCount) bytes; raise the limit"
      + " (ulimit -v, or the container's), or use less with --memory and --threads\n"
    _ = try? StandardStream.error.write(text)
    // Without the libraries' own endings, which may wait for memory.
    _exit(exitStatus)
  }

  /// Ends the process unless `byteCount` bytes of address space are free, before a library that
  /// would wait for them without an end.
  package static func require(_ byteCount: Int) {
    let address = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      end(refused: byteCount)
    }
    _ = unsafe munmap(address, byteCount)
  }
}
