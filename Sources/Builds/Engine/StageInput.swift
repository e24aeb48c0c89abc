import Bytes

/// An input of a stage, under its name in the stage's key.
package struct StageInput: Sendable {
  package enum Source: Sendable {
    /// A file outside the store, by path.
    case file(String)
    /// A part of a file outside the store.
    case part(any FilePart)
    /// An output of an earlier stage.
    case output(StageOutput)
    /// The record of an earlier stage: its key and its summary.
    case record(stage: String)
  }

  package let name: String
  package let source: Source
}

/// A part of a file outside the store, with its own digest: changes elsewhere in the file don't
/// make a stage run again.
package protocol FilePart: Sendable {
  var path: String { get }
  /// Digests the part's current content.
  func digest() throws(Failure) -> SHA256Digest
}

/// A handle to a declared file, which `StageContext` opens.
package struct FileInput: Sendable {
  let name: String
}

/// A handle to the declared record of an earlier stage, which `StageContext` returns.
package struct RecordInput: Sendable {
  let name: String
}

/// A builder of a stage's inputs. A handle comes only from declaring its input, so that a stage
/// can't read anything that isn't in its key.
package struct InputList {
  package private(set) var inputs: [StageInput] = []

  init() {}

  /// Declares a file outside the store. The handle may be ignored if the file is read by other
  /// means.
  @discardableResult
  package mutating func file(_ path: String, as name: String) -> FileInput {
    add(.file(path), name)
  }

  /// Declares a part of a file outside the store.
  @discardableResult
  package mutating func part(_ part: some FilePart, as name: String) -> FileInput {
    add(.part(part), name)
  }

  /// Declares an output of an earlier stage, named like the output by default.
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
