extension JSON {
  /// Returns whether `text` is this value's canonical text, without making a copy of it.
  public func isCanonical(_ text: ByteSlice) -> Bool {
    unsafe text.withUnsafeBytes { expected in
      var writer = unsafe JSONWriter(sink: ComparingSink(expected), indented: false)
      writer.write(self)
      return writer.sink.isComplete
    }
  }
}

/// A sink that compares the bytes with those expected.
@safe private struct ComparingSink: JSONSink {
  private let expected: UnsafeRawBufferPointer
  /// The number of bytes that were the same.
  private var matched = 0
  private var differs = false

  init(_ expected: UnsafeRawBufferPointer) { unsafe self.expected = expected }

  mutating func put(_ byte: UInt8) {
    if !differs, unsafe matched < expected.count, unsafe expected[matched] == byte {
      matched += 1
    } else {
      differs = true
    }
  }

  /// Whether all bytes were put and no others.
  var isComplete: Bool { !differs && (unsafe matched == expected.count) }
}
