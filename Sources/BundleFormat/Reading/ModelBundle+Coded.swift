import Bytes
import Dispatch
import Synchronization

/// Sections in coded blocks.
extension ModelBundle {
  /// The raw bytes of a section with codec `blocks`. Throws `invalidData` with a clause that says
  /// what is wrong.
  func decodedBlocks(of section: Section, _ stored: ByteSlice) throws(Failure) -> ByteSlice {
    if let known = decodedSections[section.offset] { return known.bytes }
    let blocks = try CodedBlocks(parsing: stored, section: section)
    let classes = blocks.isOrdered ? try runClasses(of: section) : []
    let decoded = try blocks.decode(stored, classes: classes)
    decodedSections.keep(decoded, at: section.offset)
    return decoded.bytes
  }

  /// The classes that runs of codes are sorted by: the zero points of their groups.
  private func runClasses(of codes: Section) throws(Failure) -> [UInt8] {
    let descriptor = try TensorDescriptor(section: codes)
    guard let zeros = section(.tensorZeros, named: codes.name) else {
      throw Failure(.invalidData, "its codes are sorted by zero points, and there are none")
    }
    guard descriptor.valueBytes == codes.rawSize, zeros.layoutID == codes.layoutID else {
      throw Failure(.invalidData, "its zero points don't fit its codes")
    }
    let mask = try section(.tensorMask, named: codes.name).map { mask throws(Failure) in
      try bytes(of: mask)
    }
    return try ZeroPointSort.classes(zeros: try bytes(of: zeros), mask: mask, of: descriptor)
  }

  /// Decodes every coded tensor on all cores. While the result lives, asking for these tensors
  /// costs nothing more. Empty where all are mapped.
  /// - Throws: `invalidData` with the first section that can't be decoded.
  public func decodeTensors() throws(Failure) -> [ByteSlice] {
    // Codes may need their zero points and their mask, which are to be decoded once.
    let coded = sections.filter { $0.codec == .blocks }
    return try decodeAll(coded.filter { $0.type != .tensorCodes })
      + decodeAll(coded.filter { $0.type == .tensorCodes })
  }

  private func decodeAll(_ coded: [Section]) throws(Failure) -> [ByteSlice] {
    let results = Mutex<[Int: Result<ByteSlice, Failure>]>([:])
    DispatchQueue.concurrentPerform(iterations: coded.count) { index in
      let result = Result { () throws(Failure) in try bytes(of: coded[index]) }
      results.withLock { $0[index] = result }
    }
    var decoded: [ByteSlice] = []
    for (_, result) in results.withLock({ $0.sorted { $0.key < $1.key } }) {
      decoded.append(try result.get())
    }
    return decoded
  }
}
