import Bytes
import Glibc

/// Header, commit records and table of a file that another process may be editing meanwhile.
///
/// An edit never overwrites what the state in force needs, but a reader takes the file's size first and
/// the records later: an edit that ends in between makes a sound file look cut short, and a record
/// that is half written look damaged. So a finding is believed when it comes twice from the same size
/// and the same records; otherwise the file is looked at again.
struct StableContainer {
  let file: MappedFile
  let opened: OpenedContainer

  /// How often the file may change under the reader before its finding is passed on.
  private static let attempts = 100

  /// - Parameters:
  ///   - expected: the kind of content that the file must have; nil for any.
  ///   - map: maps the file, at each attempt anew.
  init(
    path: String, expected: FileContent.Expected?,
    map: (String) throws(Failure) -> MappedFile
  ) throws(Failure) {
    var seen: CommitState?
    var attempt = 1
    while true {
      let file = try map(path)
      if let expected { try FileContent.expect(expected, in: file.bytes, file: path) }
      let state = CommitState(file)
      let result = Result { () throws(Failure) in
        try OpenedContainer(content: file.bytes, file: path)
      }
      let isSound =
        (try? result.get()).map { $0.problems.allSatisfy { $0.severity == .note } } ?? false
      if isSound || state == seen || attempt == Self.attempts {
        self.file = file
        opened = try result.get()
        return
      }
      seen = state
      attempt += 1
      // A writer that was caught in the middle needs a moment.
      if attempt > 2 { usleep(1000) }
    }
  }

  /// The file's size and commit records, which an edit changes last.
  private struct CommitState: Equatable {
    let device, inode: UInt64
    let size: Int
    let records: [[UInt8]]

    init(_ file: MappedFile) {
      (device, inode) = (file.identity.device, file.identity.inode)
      size = file.bytes.count
      records = ([0] + ContainerLayout.recordOffsets).map {
        file.bytes.part(at: $0, count: ContainerLayout.recordSize).array
      }
    }
  }
}

extension OpenedContainer {
  /// Reads the container of a whole file's content.
  init(content: ByteSlice, file: String) throws(Failure) {
    try self.init(file: file, size: content.count) { (offset, count) in
      content.part(at: offset, count: count)
    }
  }
}

extension ByteSlice {
  /// The bytes from `offset` on, fewer than `count` where the content ends before.
  fileprivate func part(at offset: Int, count: Int) -> ByteSlice {
    let end = min(offset + count, self.count)
    return slice(min(offset, end)..<end) ?? ByteSlice([])
  }
}
