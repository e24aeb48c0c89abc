import Bytes

/// The rule that every byte of a bundle belongs to a section, the table, a free extent or padding.
extension SectionTable {
  /// A gap between two extents, which must hold zeros.
  typealias Padding = Extent

  /// The used extents in file order, the table's own among them, each with its required alignment.
  private func extents(table: Extent) -> [(extent: Extent, alignment: Int, label: String)] {
    var extents = sections.filter { $0.storedSize > 0 }.map {
      (
        extent: Extent(offset: $0.offset, size: $0.storedSize), alignment: $0.alignment,
        label: $0.label
      )
    }
    extents += free.map { ($0, 1, "free extent") }
    extents.append((table, ContainerLayout.tableAlignment, "section table"))
    return extents.sorted {
      ($0.extent.offset, $0.extent.size) < ($1.extent.offset, $1.extent.size)
    }
  }

  /// Throws where extents overlap, lie outside the body, or leave a gap that alignment doesn't
  /// explain.
  func checkCover(record: CommitRecord, file: String) throws(Failure) {
    func invalid(_ offset: Int, _ finding: String) -> Failure {
      Failure(.invalidData, file: file, at: "byte \(offset)", finding)
    }
    for section in sections where section.storedSize == 0 {
      guard section.offset == 0 else {
        throw invalid(section.offset, "\(section.label) is empty but has an offset")
      }
    }
    var end = ContainerLayout.bodyOffset
    for (extent, alignment, label) in extents(table: record.table) {
      guard extent.offset >= end else {
        throw invalid(
          extent.offset, "\(label) overlaps what stands before it, which ends at \(end)")
      }
      guard extent.offset - end < alignment else {
        throw invalid(end, "\(extent.offset - end) bytes before \(label) belong to nothing")
      }
      end = extent.end
    }
    guard end == record.fileLength else {
      throw invalid(end, "the last extent ends here, the committed length is \(record.fileLength)")
    }
  }

  /// The gaps that alignment leaves, in file order; `checkCover` has passed.
  func paddings(record: CommitRecord) -> [Padding] {
    var paddings: [Padding] = []
    var end = ContainerLayout.bodyOffset
    for (extent, _, _) in extents(table: record.table) {
      if extent.offset > end { paddings.append(Extent(offset: end, size: extent.offset - end)) }
      end = extent.end
    }
    return paddings
  }
}
