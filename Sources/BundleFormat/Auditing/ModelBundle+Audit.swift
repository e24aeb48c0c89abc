import Bytes
import Synchronization

/// Checks that list all faults of a bundle, not only the first one.
extension ModelBundle {
  /// Opens and checks; a file that can't be opened as a bundle gives one error that says why.
  /// Throws only where the file is missing or can't be read.
  public static func audit(path: String, level: Verification) throws(Failure) -> [Problem] {
    do throws(Failure) {
      let stable = try StableContainer(path: path, expected: nil) { (path) throws(Failure) in
        try MappedFile(path: path)
      }
      stable.file.advise(.willNeed)
      return try ModelBundle(stable, path: path, verify: .none).check(level)
    } catch {
      guard error.kind == .invalidData else { throw error }
      return [Problem(error)]
    }
  }

  /// Opens and checks a bundle in memory; `name` is its name in error texts.
  public static func audit(bytes: ByteSlice, name: String, level: Verification) -> [Problem] {
    do throws(Failure) {
      return try ModelBundle(bytes: bytes, name: name).check(level)
    } catch {
      return [Problem(error)]
    }
  }

  /// The findings at `level`, those of opening included, in the order of the file's parts.
  public func check(_ level: Verification) -> [Problem] {
    var problems = self.problems
    if level == .none { return problems }
    problems += checkZeros()
    let damaged = checkHashes()
    problems += damaged.map {
      Problem(at: stored[$0].label, "its XXH3-128 doesn't match its bytes")
    }
    if level == .full {
      // A section whose bytes are wrong is reported once, not again for everything that follows
      // from it.
      problems += checkMeaning(skipping: Set(damaged))
    }
    return problems
  }

  /// All sections of the file, copies for recovery included.
  var stored: [Section] { opened.table.sections }

  /// The fixed areas between header and records, and the gaps that alignment leaves.
  private func checkZeros() -> [Problem] {
    var gaps: [Extent] = []
    var end = ContainerLayout.headerSize
    for offset in ContainerLayout.recordOffsets + [ContainerLayout.bodyOffset] {
      gaps.append(Extent(offset: end, size: offset - end))
      end = offset + ContainerLayout.recordSize
    }
    gaps += opened.table.paddings(record: opened.record)
    return gaps.compactMap { gap in
      guard let bytes = content.slice(gap.offset..<gap.end) else { return nil }
      guard let at = bytes.array.firstIndex(where: { $0 != 0 }) else { return nil }
      return Problem(at: "byte \(gap.offset + at)", "padding that isn't zero")
    }
  }

  /// Positions in `stored` of the sections whose bytes don't hash to what the table says, ascending.
  func checkHashes() -> [Int] {
    let sections = stored
    file?.advise(.willNeed)
    let damaged = Mutex<[Int]>([])
    // Large sections first: one that starts last would keep a single thread busy at the end.
    let order = sections.indices.sorted { sections[$0].storedSize > sections[$1].storedSize }
    Parallel.forEach(order.count) { place in
      let index = order[place]
      let section = sections[index]
      let bytes = try? storedBytes(of: section)
      if bytes.map({ XXH3Digest(hashing: $0) }) != section.xxh3 {
        damaged.withLock { $0.append(index) }
      }
    }
    return damaged.withLock { $0.sorted() }
  }
}

extension Problem {
  /// The finding that kept a bundle from opening.
  fileprivate init(_ failure: Failure) {
    self.init(at: failure.place ?? "file", failure.finding)
  }
}
