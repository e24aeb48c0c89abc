import Bytes

/// A declared input with its location and its digest at the stage's start.
struct ResolvedInput: Sendable {
  enum Place: Sendable {
    /// A file outside the store, which other programs may write.
    case external
    /// A part of a file outside the store.
    case part(any FilePart)
    /// An object of the store.
    case store
    /// The record of a finished stage, which is no file.
    case record(StageMarker)
  }

  let path: String
  let object: StoreObject
  let place: Place
  /// The file's identity at the stage's start; nil for parts and records.
  let identity: FileIdentity?

  /// The finished stage's record; nil if the input is a file.
  var record: StageMarker? { if case .record(let marker) = place { marker } else { nil } }
}

/// A cache of digests of files outside the store; each file is read once per run unless it changes.
struct ExternalFiles {
  private var known: [String: ResolvedInput] = [:]

  /// Returns the file at `path` with its digest.
  mutating func resolve(_ path: String) throws(Failure) -> ResolvedInput {
    let identity = try FileIdentity(path: path)
    if let found = known[path], found.identity == identity { return found }
    let object = try FileDigest.of(path)
    let input = ResolvedInput(path: path, object: object, place: .external, identity: identity)
    known[path] = input
    return input
  }

  /// Returns the current digest of a part of a file.
  func digest(of part: any FilePart) throws(Failure) -> StoreObject {
    StoreObject(digest: try part.digest(), byteCount: 0)
  }

  /// Digests the file again, without relying on its timestamps.
  func reread(_ path: String) throws(Failure) -> StoreObject { try FileDigest.of(path) }
}

extension Build {
  /// Locates and digests everything that `stage` reads, by input name.
  ///
  /// - Throws: `inputMissing` if a file is missing.
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
            "stage \(stage.name) needs the output `\(output.name)` of \(output.stage), which didn't make it"
          )
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

  /// Checks that no input changed while the stage ran. External files are digested again; store
  /// objects were verified at the start, so that an unchanged identity is enough.
  ///
  /// - Throws: `invalidData` naming the input that changed.
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
