import Bytes

/// The inputs and the program that a bundle was made with. Without paths and times, so that equal
/// builds have equal provenance.
public struct Provenance: Sendable, Equatable {
  /// SHA-256 of the checkpoint's content, computed by the importer.
  public var baseModel: SHA256Digest
  /// A name for people: "SmolLM2-135M-Instruct"; never a path.
  public var baseModelName: String?
  /// SHA-256 of the tokenizer section's raw bytes.
  public var tokenizer: SHA256Digest?
  /// The checkpoint's files; empty if they aren't recorded.
  public var sourceFiles: [SourceFile]
  /// Every text that was used, by role: "calibration", "training", "validation", "evaluation".
  public var data: [DataSource]
  /// The bundle with the prompt from which learning started; nil if it started from none, and in bundles
  /// of ctpack 0.1, which don't record it.
  public var initialPrompt: InitialPrompt?
  /// SHA-256 of the recipe section's raw bytes.
  public var recipe: SHA256Digest?
  /// The version of the program that made the bundle.
  public var programVersion: String
  /// The class of kernels that computed; results are reproducible to the byte only within a class.
  public var kernelClass: String
  /// The stages in order, each with its key.
  public var stages: [Stage]
  /// Members this version doesn't know; kept.
  public var other: JSONObject

  /// A text that was used.
  public struct DataSource: Sendable, Equatable {
    /// "calibration", "training", "validation" or "evaluation".
    public var role: String
    /// The file's name without a path.
    public var name: String
    /// The digest of the text.
    public var sha256: SHA256Digest
    /// The text `name` in the role `role`.
    public init(role: String, name: String, sha256: SHA256Digest) {
      self.role = role
      self.name = name
      self.sha256 = sha256
    }
  }

  /// A file of the checkpoint that the bundle was made from.
  public struct SourceFile: Sendable, Equatable {
    /// The file's name without a path.
    public var name: String
    /// The digest of the file.
    public var sha256: SHA256Digest
    /// The file's size in bytes; nil in bundles of ctpack 0.1, which don't record it.
    public var bytes: Int?
    /// The file `name` with its digest and size.
    public init(name: String, sha256: SHA256Digest, bytes: Int?) {
      self.name = name
      self.sha256 = sha256
      self.bytes = bytes
    }
  }

  /// A bundle with a prompt from which learning started.
  public struct InitialPrompt: Sendable, Equatable {
    /// The bundle's name without a path.
    public var name: String
    /// The digest of the bundle's file.
    public var sha256: SHA256Digest
    /// The bundle's content digest.
    public var content: SHA256Digest
    /// The bundle `name` with the digests of its file and of its content.
    public init(name: String, sha256: SHA256Digest, content: SHA256Digest) {
      self.name = name
      self.sha256 = sha256
      self.content = content
    }
  }

  /// The size of the checkpoint in bytes; nil if it isn't recorded.
  public var sourceBytes: Int? {
    let sizes = sourceFiles.compactMap(\.bytes)
    return sizes.isEmpty || sizes.count < sourceFiles.count ? nil : sizes.reduce(0, +)
  }

  /// A stage of the build.
  public struct Stage: Sendable, Equatable {
    /// The stage's name.
    public var name: String
    /// The digest of everything that the stage depends on.
    public var key: SHA256Digest
    /// The stage `name` with the key `key`.
    public init(name: String, key: SHA256Digest) {
      self.name = name
      self.key = key
    }
  }

  /// The provenance of a bundle made from the checkpoint `baseModel`.
  public init(
    baseModel: SHA256Digest, baseModelName: String? = nil, tokenizer: SHA256Digest?,
    data: [DataSource], recipe: SHA256Digest?, programVersion: String, kernelClass: String,
    stages: [Stage], sourceFiles: [SourceFile] = [], initialPrompt: InitialPrompt? = nil,
    other: JSONObject = [:]
  ) {
    self.baseModel = baseModel
    self.baseModelName = baseModelName
    self.tokenizer = tokenizer
    self.data = data
    self.recipe = recipe
    self.programVersion = programVersion
    self.kernelClass = kernelClass
    self.stages = stages
    self.sourceFiles = sourceFiles
    self.initialPrompt = initialPrompt
    self.other = other
  }

  private static let known: Set<String> = [
    "base_model", "base_model_name", "tokenizer", "data", "recipe", "program_version",
    "kernel_class", "stages", "source_files", "initial_prompt",
  ]

  /// The record as JSON.
  public var json: JSON {
    var object = other
    object["base_model"] = .string(baseModel.hex)
    object["base_model_name"] = baseModelName.map { .string($0) }
    object["tokenizer"] = tokenizer.map { .string($0.hex) }
    if !sourceFiles.isEmpty { object["source_files"] = .array(sourceFiles.map(\.json)) }
    object["data"] = .array(data.map(\.json))
    object["initial_prompt"] = initialPrompt?.json
    object["recipe"] = recipe.map { .string($0.hex) }
    object["program_version"] = .string(programVersion)
    object["kernel_class"] = .string(kernelClass)
    object["stages"] = .array(
      stages.map { ["name": .string($0.name), "key": .string($0.key.hex)] })
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    baseModel = try json.neededDigest("base_model")
    baseModelName =
      try json["base_model_name"] == nil ? nil : json.required("base_model_name", as: String.self)
    tokenizer = try json.digest("tokenizer")
    data = []
    for entry in try json.required("data", as: [JSON].self) {
      data.append(try DataSource(json: entry))
    }
    sourceFiles = []
    if json["source_files"] != nil {
      for entry in try json.required("source_files", as: [JSON].self) {
        sourceFiles.append(try SourceFile(json: entry))
      }
    }
    initialPrompt = try json["initial_prompt"].map { (entry) throws(Failure) in
      try InitialPrompt(json: entry)
    }
    recipe = try json.digest("recipe")
    programVersion = try json.required("program_version", as: String.self)
    kernelClass = try json.required("kernel_class", as: String.self)
    stages = []
    for entry in try json.required("stages", as: [JSON].self) {
      stages.append(
        Stage(
          name: try entry.required("name", as: String.self), key: try entry.neededDigest("key")))
    }
    other = [:]
    for (key, value) in json.object ?? [:] where !Self.known.contains(key) { other[key] = value }
  }
}

/// The origin of a section: the value of its attribute `made_by`.
public struct SectionOrigin: Sendable, Equatable {
  /// Key of the stage that made it.
  public var stage: SHA256Digest
  /// Digests of what that stage read, by name.
  public var inputs: [(name: String, sha256: SHA256Digest)]

  /// The origin of a section made by the stage with the key `stage`.
  public init(stage: SHA256Digest, inputs: [(name: String, sha256: SHA256Digest)]) {
    self.stage = stage
    self.inputs = inputs
  }

  /// Whether stage and inputs are the same; the order of the inputs doesn't matter.
  public static func == (a: SectionOrigin, b: SectionOrigin) -> Bool { a.json == b.json }

  /// The value of the attribute `made_by`.
  public var json: JSON {
    var object = JSONObject()
    for input in inputs { object[input.name] = .string(input.sha256.hex) }
    return ["stage": .string(stage.hex), "inputs": .object(object)]
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    guard let stage = try json.digest("stage") else {
      throw Failure(.invalidData, at: "key \"stage\"", "is missing")
    }
    self.stage = stage
    inputs = []
    let object = try json.required("inputs", as: JSONObject.self)
    for key in object.keys {
      if let digest = try JSON.object(object).digest(key) { inputs.append((key, digest)) }
    }
  }
}

extension Provenance.DataSource {
  /// The text as JSON.
  public var json: JSON {
    ["role": .string(role), "name": .string(name), "sha256": .string(sha256.hex)]
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    self.init(
      role: try json.required("role", as: String.self),
      name: try json.required("name", as: String.self), sha256: try json.neededDigest("sha256"))
  }
}

extension Provenance.InitialPrompt {
  /// The bundle as JSON.
  public var json: JSON {
    ["name": .string(name), "sha256": .string(sha256.hex), "content": .string(content.hex)]
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    self.init(
      name: try json.required("name", as: String.self), sha256: try json.neededDigest("sha256"),
      content: try json.neededDigest("content"))
  }
}

extension Provenance.SourceFile {
  /// The file as JSON.
  public var json: JSON {
    var object: JSONObject = ["name": .string(name), "sha256": .string(sha256.hex)]
    object["bytes"] = bytes.map { JSON($0) }
    return .object(object)
  }

  /// Reads a value that `json` wrote.
  /// - Throws: `invalidData` naming the member that is missing, mistyped or out of range.
  public init(json: JSON) throws(Failure) {
    let bytes: Int? = try json["bytes"] == nil ? nil : json.required("bytes", as: Int.self)
    if let bytes, bytes < 0 {
      throw Failure(.invalidData, at: "key \"bytes\"", "\(bytes) is negative")
    }
    self.init(
      name: try json.required("name", as: String.self), sha256: try json.neededDigest("sha256"),
      bytes: bytes)
  }
}

extension JSON {
  fileprivate func neededDigest(_ key: String) throws(Failure) -> SHA256Digest {
    guard let digest = try digest(key) else {
      throw Failure(.invalidData, at: "key \"\(key)\"", "is missing")
    }
    return digest
  }
}
