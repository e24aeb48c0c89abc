import Bytes

/// Something that a stage reads, under the name that its key gives it.
package struct StageInput: Sendable {
  package enum Source: Sendable {
    /// A file outside of the store.
    case file(String)
    /// A part of such a file.
    case part(any FilePart)
    /// A file that an earlier stage made.
    case output(StageOutput)
    /// The record of an earlier stage: its key and its summary.
    case record(stage: String)
  }

  package let name: String
  package let source: Source
}

/// A part of a file outside of the store, with a digest of its own: the rest of the file may change
/// without a stage having to run again.
package protocol FilePart: Sendable {
  var path: String { get }
  /// The digest of the part as it is now.
  func digest() throws(Failure) -> SHA256Digest
}

/// A declared file, to be read by `StageContext`.
package struct FileInput: Sendable {
  let name: String
}

/// A declared record of an earlier stage, to be read by `StageContext`.
package struct RecordInput: Sendable {
  let name: String
}

/// The inputs of a stage in the making. Only declaring an input gives its handle, so that a stage
/// can't read what its key doesn't depend on.
package struct InputList {
  package private(set) var inputs: [StageInput] = []

  init() {}

  /// Declares a file outside of the store. The handle may be dropped where something else reads the
  /// file.
  @discardableResult
  package mutating func file(_ path: String, as name: String) -> FileInput {
    add(.file(path), name)
  }

  /// Declares a part of a file outside of the store.
  @discardableResult
  package mutating func part(_ part: some FilePart, as name: String) -> FileInput {
    add(.part(part), name)
  }

  /// Declares a file that an earlier stage makes, under the output's own name by default.
  package mutating func output(_ output: StageOutput, as name: String? = nil) -> FileInput {
    add(.output(output), name ?? output.name)
  }

  /// Declares the record of an earlier stage.
  package mutating func record(of stage: String) -> RecordInput {
    RecordInput(name: add(.record(stage: stage), "record of \(stage)").name)
  }

  private mutating func add(_ source: StageInput.Source, _ name: String) -> FileInput {
    inputs.append(StageInput(name: name, source: source))
    return FileInput(name: name)
  }
}
