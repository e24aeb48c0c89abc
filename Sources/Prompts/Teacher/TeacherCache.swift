import Bytes
import Models
import Numerics

/// A cache of a teacher's top-k distributions for the windows of a pool, little-endian:
///
///     "CTPTEACH" | u32 version = 2 | u32 k | u64 windows | u64 rows per window
///     windows × u64: the start of each in the text, ascending
///     windows × rows × k × u32 id, then as many float16 probabilities, then windows × rows × f32 tail
///
/// A window of T tokens has T − 1 rows, because no token follows its last one.
package struct TeacherCache: Sendable {
  private static let magic = Array("CTPTEACH".utf8)
  private static let version: UInt32 = 2
  private static let headerSize = 32

  /// Tokens kept per row.
  package let k: Int
  /// The starts of the windows in the text, ascending.
  package let starts: [Int]
  /// Rows per window, T − 1.
  package let rows: Int
  private let ids: ByteSlice
  private let probabilities: ByteSlice
  private let tails: ByteSlice

  /// Parses what `header` and `parts` wrote.
  ///
  /// - Throws: `invalidData` if the bytes are anything else.
  package init(_ bytes: ByteSlice, file: String? = nil) throws(Failure) {
    func wrong(_ finding: String) -> Failure {
      Failure(.invalidData, file: file, "the teacher cache \(finding)")
    }
    guard bytes.count >= Self.headerSize, bytes.slice(0..<8)?.array == Self.magic,
      bytes.integer(at: 8) == Self.version,
      let k = bytes.integer(at: 12, as: UInt32.self).map({ Int($0) }),
      let windows = bytes.integer(at: 16, as: UInt64.self).map({ Int(clamping: $0) }),
      let rows = bytes.integer(at: 24, as: UInt64.self).map({ Int(clamping: $0) })
    else { throw wrong("doesn't start with CTPTEACH, version \(Self.version)") }
    let (perWindow, isTooMany) = rows.multipliedReportingOverflow(by: k)
    let (entries, areTooMany) = perWindow.multipliedReportingOverflow(by: windows)
    let numbers = Self.headerSize + 8 * min(windows, bytes.count)
    guard k > 0, rows > 0, windows > 0, !isTooMany, !areTooMany, entries <= bytes.count,
      numbers + 6 * entries + 4 * (entries / k) == bytes.count,
      let starts = bytes.slice(Self.headerSize..<numbers),
      let ids = bytes.slice(numbers..<numbers + 4 * entries),
      let probabilities = bytes.slice(numbers + 4 * entries..<numbers + 6 * entries),
      let tails = bytes.slice(numbers + 6 * entries..<bytes.count)
    else { throw wrong("has \(bytes.count) bytes for \(windows) windows") }
    self.k = k
    self.rows = rows
    self.starts = starts.words(UInt64.self).map { Int(clamping: $0) }
    self.ids = ids
    self.probabilities = probabilities
    self.tails = tails
  }

  /// The header and the starts of the windows, which precede all distributions.
  package static func header(k: Int, starts: [Int], length: Int) -> [UInt8] {
    var out = magic
    out.append(littleEndian: version)
    out.append(littleEndian: UInt32(k))
    out.append(littleEndian: UInt64(starts.count))
    out.append(littleEndian: UInt64(length - 1))
    for start in starts { out.append(littleEndian: UInt64(start)) }
    return out
  }

  /// The distributions for some windows in stored form: ids, probabilities and tails.
  package static func parts(
    _ teacher: Teacher, _ windows: [[Int32]], k: Int
  ) throws(Failure) -> (ids: [UInt8], probabilities: [UInt8], tails: [UInt8]) {
    let top = try teacher.top(k, of: windows)
    let length = windows.first?.count ?? 0
    var (ids, probabilities, tails) = ([UInt8](), [UInt8](), [UInt8]())
    for window in windows.indices {
      let range = window * length * k..<(window * length + length - 1) * k
      for id in top.ids[range] { ids.append(littleEndian: UInt32(bitPattern: id)) }
      for p in top.probabilities[range] {
        probabilities.append(littleEndian: Float16(p).bitPattern)
      }
      tails += [UInt8](
        floats: Array(top.tails[window * length..<(window + 1) * length - 1]))
    }
    return (ids, probabilities, tails)
  }

  /// The distributions for the windows that begin at `windows`, a row for every token. The row of
  /// each window's last token is a placeholder and must not be read.
  ///
  /// - Throws: `invalidData` if the cache lacks a window.
  package func targets(_ windows: [Int], vocabulary: Int) throws(Failure) -> SoftTargets {
    var (allIDs, all, allTails) = ([Int32](), [Float](), [Float]())
    for start in windows {
      guard let window = place(of: start),
        let ids = ids.slice(window * rows * k * 4..<(window + 1) * rows * k * 4),
        let values = probabilities.slice(window * rows * k * 2..<(window + 1) * rows * k * 2),
        let tails = tails.slice(window * rows * 4..<(window + 1) * rows * 4)
      else {
        throw Failure(.invalidData, "the teacher cache has no window at token \(start)")
      }
      let own = ids.words(Int32.self)
      guard own.allSatisfy({ $0 >= 0 && Int($0) < vocabulary }) else {
        throw Failure(
          .invalidData,
          "the teacher cache has a token id outside the vocabulary of \(vocabulary)")
      }
      allIDs += own
      all += values.halves()
      allIDs += [Int32](repeating: 0, count: k)
      all += [Float](repeating: 0, count: k)
      allTails += tails.floats() + [0]
    }
    return SoftTargets(k: k, ids: allIDs, probabilities: all, tails: allTails)
  }

  private func place(of start: Int) -> Int? {
    var (low, high) = (0, starts.count)
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] < start { low = middle + 1 } else { high = middle }
    }
    return low < starts.count && starts[low] == start ? low : nil
  }
}
