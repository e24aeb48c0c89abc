import BundleFormat
import Bytes
import TestSupport
import Testing

/// Writing, reading and auditing give equal results on any number of threads. Tests run one at a time,
/// because the number is process-wide.
@Suite(.serialized) struct ThreadCountTests {
  /// The results of `compute` on 1, 2 and 8 threads.
  private func results<T>(_ compute: (Int) throws -> T) rethrows -> [T] {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    return try [1, 2, 8].map { threads in
      Parallel.threads = threads
      return try compute(threads)
    }
  }

  @Test func codedBytesAreTheSame() throws {
    let folder = try TemporaryFolder()
    let files = try results { threads in
      let path = folder.file("\(threads).ctpack")
      try CodedSamples.write(path, storage: .coded)
      return try MappedFile(path: path).bytes.array
    }
    #expect(files[1] == files[0] && files[2] == files[0])

    let path = folder.file("1.ctpack")
    let decoded = try results { _ in
      let bundle = try ModelBundle(path: path)
      let kept = try bundle.decodeTensors()
      return try (kept.count, bundle.sections.map { try bundle.bytes(of: $0).array })
    }
    #expect(decoded[0].0 > 0)
    for other in decoded.dropFirst() { #expect(other == decoded[0]) }
    let entropies = try results { _ in try ModelBundle(path: path).codeEntropy() }
    #expect(entropies[1] == entropies[0] && entropies[2] == entropies[0])
  }

  /// Every seventh section is damaged; the audit lists the same findings in the same order.
  @Test func auditsFindTheSame() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("good.ctpack")
    try CodedSamples.write(path, storage: .coded)
    var bytes = try MappedFile(path: path).bytes.array
    let sections = try ModelBundle(path: path).sections.filter { $0.storedSize > 0 }
    for (index, section) in sections.enumerated() where index % 7 == 0 {
      bytes[section.offset] ^= 0x10
    }
    for level in [Verification.fast, .full] {
      let found = results { _ in
        ModelBundle.audit(bytes: ByteSlice(bytes), name: "damaged", level: level).map {
          "\($0.place): \($0.finding)"
        }
      }
      #expect(found[0].count >= sections.count / 7)
      #expect(found[1] == found[0] && found[2] == found[0])
    }
  }
}
