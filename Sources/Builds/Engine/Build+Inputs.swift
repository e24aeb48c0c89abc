import Bytes

/// An input with its place and the digest it had.
struct ResolvedInput: Sendable {
  enum Place: Sendable {
    /// Outside of the store, where others may write.
    case external
    /// A part of a file outside of the store.
    case part(any FilePart)
    case store
    /// No file: the record of a finished stage.
    case record(StageMarker)
  }

  let path: String
  let object: StoreObject
  let place: Place
  /// nil where there is no file.
  let identity: FileIdentity?

  var record: StageMarker? { if case .record(let marker) = place { marker } else { nil } }
}

/// Digests of files outside of the store, each read once per run unless it changed.
struct ExternalFiles {
  private var known: [String: ResolvedInput] = [:]

  mutating func resolve(_ path: String) throws(Failure) -> ResolvedInput {
    let identity = try FileIdentity(path: path)
    if let found = known[path], found.identity == identity { return found }
    let object = try FileDigest.of(path)
    let input = ResolvedInput(path: path, object: object, place: .external, identity: identity)
    known[path] = input
    return input
  }

  /// A part of a file, as the part digests itself now.
  func digest(of part: any FilePart) throws(Failure) -> StoreObject {
    StoreObject(digest: try part.digest(), byteCount: 0)
  }

  /// The digest by reading the file again, whatever its times say.
  func reread(_ path: String) throws(Failure) -> StoreObject { try FileDigest.of(path) }
}

extension Build {
  /// Finds and digests everything that `stage` reads.
  func resolve(
    _ stage: any Stage, _ done: [StageMarker], _ files: inout ExternalFiles
  ) throws -> [String: ResolvedInput] {
    var found: [String: ResolvedInput] = [:]
    for input in stage.inputs {
      switch input.source {
      case .file(let path):
        found[input.name] = try files.resolve(path)
      case .part(let part):
        found[input.name] = ResolvedInput(
          path: part.path, object: try files.digest(of: part), place: .part(part), identity: nil)
      case .output(let output):
        guard let object = done.object(of: output) else {
          throw Failure(
            .internalError,
            "stage \(stage.name) needs `\(output.name)` of \(output.stage), which has none")
        }
        let path = store.path(of: object)
        found[input.name] = ResolvedInput(
          path: path, object: object, place: .store, identity: try FileIdentity(path: path))
      case .record(let origin):
        guard let marker = done.first(where: { $0.stage == origin }) else {
          throw Failure(.internalError, "stage \(stage.name) comes before \(origin)")
        }
        let object = StoreObject(digest: marker.key.digest, byteCount: 0)
        found[input.name] = ResolvedInput(
          path: "", object: object, place: .record(marker), identity: nil)
      }
    }
    return found
  }

  /// Refuses a result whose inputs changed while it was made. Files of others are read again; files
  /// of the store were verified before and only have to be untouched since.
  func checkUnchanged(
    _ stage: any Stage, _ inputs: [String: ResolvedInput], _ files: inout ExternalFiles
  ) throws(Failure) {
    for (name, input) in inputs.sorted(by: { $0.key < $1.key }) {
      let same: Bool
      switch input.place {
      case .external: same = try files.reread(input.path) == input.object
      case .part(let part): same = try files.digest(of: part) == input.object
      case .store: same = try FileIdentity(path: input.path) == input.identity
      case .record: same = true
      }
      guard same else {
        throw Failure(
          .invalidData, file: input.path, at: "input `\(name)`",
          "changed while \(stage.name) was reading it",
          advice: "run the same command again once nothing writes to it")
      }
    }
  }
}
