import Bytes

/// A model family: the names, defaults, block design and tensor keys of one of transformers' model
/// classes, and their counterparts in GGUF files.
///
/// Each family is one file of this folder, which makes one value; `all` lists them. Everything that
/// reads checkpoints asks the value, so a new family needs no other change (Sources/README.md).
package struct ModelFamily: Sendable {
  /// Hugging Face's `model_type`.
  package let name: String
  /// The class that Hugging Face's `architectures` names.
  package let architecture: String
  /// The family's name in sentences.
  let title: String
  package let keys: TensorKeys
  let settings: any FamilySettings
  /// nil where no GGUF file names the family itself: llama.cpp calls Mistral "llama", and has no OPT.
  let gguf: GGUFMapping?

  /// Every family that can be read, in the order of the sentences that list them.
  package static let all: [ModelFamily] = [.llama, .mistral, .qwen2, .qwen3, .opt]

  /// The family of this `model_type`; nil where it isn't known.
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

  /// The sentence that refusals of unknown models end with.
  static var supported: String { "the \(listed(all.map(\.title))) families are supported" }

  /// The architectures that GGUF files may name.
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

/// Reading and writing of a family's settings.
protocol FamilySettings: Sendable {
  /// The configuration in a `config.json`. Absent keys have the defaults of transformers' class.
  ///
  /// - Parameter generation: `generation_config.json`, whose special tokens win.
  /// - Throws: `invalidData` naming the key that is missing, impossible or not implemented.
  func configuration(
    of family: ModelFamily, from reader: SettingsReader, generation: JSON?
  ) throws(Failure) -> ModelConfiguration

  /// The canonical form that travels in a bundle: the keys of a version 5 `config.json`, every one
  /// of them written out.
  func canonical(_ configuration: ModelConfiguration) -> JSON

  /// The configuration that `canonical` wrote; no key has a default.
  /// - Throws: `invalidData` naming the key that is missing or impossible.
  func configuration(
    of family: ModelFamily, canonical reader: SettingsReader
  ) throws(Failure) -> ModelConfiguration
}

/// A family's place in GGUF files.
struct GGUFMapping: Sendable {
  /// `general.architecture`, which is also the prefix of the settings' keys.
  let architecture: String
  /// The design of its blocks. Biases on q, k and v are taken from the tensors that are there.
  let design: ModelDesign
  /// Whether rows of q and k are stored in llama.cpp's order for "llama": within a head, the two
  /// channels that the rotary embedding turns together are neighbours.
  var hasPairedRotaryRows = false
}
