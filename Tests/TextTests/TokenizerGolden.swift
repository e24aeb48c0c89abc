import Bytes
import Foundation
import Text

/// Access to the golden files, which `Golden/make_tokenizer_golden.py` writes with Hugging Face
/// `tokenizers`.
enum Golden {
  static let names = [
    "byte-level", "digits", "llama3", "qwen2", "chain", "llama2", "metaspace-first", "unknown",
    "fused-unknown",
  ]

  static func bytes(_ name: String) throws -> ByteSlice {
    let folder = Bundle.module.url(forResource: "Golden", withExtension: nil)
    return try MappedFile(path: (folder?.path ?? "Golden") + "/" + name).bytes
  }

  static func json(_ name: String) throws -> JSON { try JSON(parsing: bytes(name), file: name) }

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(json: bytes("\(name).tokenizer.json"), file: name)
  }

  /// The bytes of the hard cases, not all of which are valid UTF-8.
  static func hardCases() throws -> [[UInt8]] {
    try (json("hard-cases.json").array ?? []).map { Hexadecimal.decode($0.string ?? "") ?? [] }
  }

  static func ids(_ value: JSON?) -> [Int32] {
    (value?.array ?? []).map { Int32($0.int ?? -1) }
  }
}
