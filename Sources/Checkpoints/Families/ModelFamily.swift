import Bytes

/// A model family: the names, defaults, block design and tensor keys of one of transformers' model
/// classes, and their counterparts in GGUF files.
///
/// Each family is a value defined in its own file of this folder; `all` lists them. Everything that
/// reads checkpoints consults the value, so a new family needs no other change (Sources/README.md).
package struct ModelFamily: Sendable {
  /// Hugging Face's `model_type`.
  package let name: String
  /// The model class named in Hugging Face's `architectures`.
  package let architecture: String
  /// The family's name in messages.
  let title: String
  package let keys: TensorKeys
  let settings: any FamilySettings
  /// The family's form in GGUF files; nil if it has no architecture of its own there: llama.cpp
  /// calls Mistral "llama" and doesn't support OPT.
  let gguf: GGUFMapping?

  /// All supported families, in the order in which messages list them.
  package static let all: [ModelFamily] = [.llama, .mistral, .qwen2, .qwen3, .opt]

  /// The family with the `model_type` `name`; nil if it isn't supported.
  package init?(named name: String) {
    guard let family = Self.all.first(where: { $0.name == name }) else { return nil }
    self = family
  }

  init(
    name: String, title: String, architecture: String, keys: TensorKeys = TensorKeys(),
    settings: any FamilySettings, gguf: GGUFMapping? = nil
  ) {
    self.name = name
    self.title = title
    self.architecture = architecture
    self.keys = keys
    self.settings = settings
    self.gguf = gguf
  }

  /// The keys of a `config.json` of the family, by what becomes of them.
  package var configurationKeys: SettingsKeys { settings.keys(of: self) }

  /// Advice for a model that isn't supported.
  static var supported: String { "the \(listed(all.map(\.title))) families are supported" }

  /// Advice for a GGUF file whose architecture isn't supported.
  static var supportedInGGUF: String {
    supported + " (\(listed(all.compactMap { $0.gguf?.architecture })) in a GGUF file)"
  }

  private static func listed(_ names: [String]) -> String {
    names.dropLast().joined(separator: ", ") + " and " + (names.last ?? "")
  }
}

extension ModelFamily: Equatable {
  package static func == (a: ModelFamily, b: ModelFamily) -> Bool { a.name == b.name }
}

/// Reading and writing of a family's settings as JSON.
protocol FamilySettings: Sendable {
  /// The keys of a `config.json`, by what becomes of them.
  func keys(of family: ModelFamily) -> SettingsKeys

  /// Reads a `config.json`. Absent keys have the defaults of transformers' configuration class.
  ///
  /// - Parameter generation: The contents of `generation_config.json`, whose special tokens take
  ///   precedence.
  /// - Throws: `invalidData` naming the key that is missing, invalid or not supported.
  func configuration(
    of family: ModelFamily, from reader: SettingsReader, generation: JSON?
  ) throws(Failure) -> ModelConfiguration

  /// The configuration as a bundle stores it: the keys of a transformers 5 `config.json`, all of
  /// them present.
  func canonical(_ configuration: ModelConfiguration) -> JSON

  /// Reads a configuration written by `canonical`; every key is required.
  /// - Throws: `invalidData` naming the key that is missing or invalid.
  func configuration(
    of family: ModelFamily, canonical reader: SettingsReader
  ) throws(Failure) -> ModelConfiguration
}

/// A family's form in GGUF files.
struct GGUFMapping: Sendable {
  /// The value of `general.architecture`, also the prefix of the metadata keys.
  let architecture: String
  /// The design of the family's blocks; biases on q, k and v depend on the file's tensors instead.
  let design: ModelDesign
  /// Whether rows of q and k are stored in llama.cpp's order for "llama": within a head, the two
  /// channels of each rotary pair are adjacent.
  var hasPairedRotaryRows = false
}
