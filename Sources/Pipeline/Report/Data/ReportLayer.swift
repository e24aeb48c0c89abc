/// One tensor of a bundle: its storage, and the damage that compression did to it.
package struct ReportLayer: Sendable {
  /// The checkpoint's name.
  package var tensor: String
  package var shape: [Int]
  /// The storage in words: "3 bits, groups of 64".
  package var storage: String
  package var parameters: Int
  package var storedBytes: Int
  /// Bits of one stored value.
  package var bits: Int
  /// The share of weights that aren't stored, 0…1.
  package var sparsity: Double
  /// The share of the output's energy that became error; nil where it wasn't measured.
  package var error: Double?

  package init(
    tensor: String, shape: [Int], storage: String, parameters: Int, storedBytes: Int, bits: Int,
    sparsity: Double = 0, error: Double? = nil
  ) {
    self.tensor = tensor
    self.shape = shape
    self.storage = storage
    self.parameters = parameters
    self.storedBytes = storedBytes
    self.bits = bits
    self.sparsity = sparsity
    self.error = error
  }

  /// The block's number, and the name within the block; nil for tensors outside the blocks
  /// (embeddings, final norm, output head).
  package var place: (block: Int, name: String)? {
    let parts = tensor.split(separator: ".", omittingEmptySubsequences: false)
    guard let at = parts.firstIndex(where: { $0 == "layers" }), at + 2 < parts.count,
      let block = Int(parts[at + 1]), block >= 0, block < 100_000
    else { return nil }
    var name = parts[(at + 2)...]
    if name.last == "weight", name.count > 1 { name.removeLast() }
    return (block, name.joined(separator: "."))
  }

  /// Stored bits per weight, scales and masks included.
  package var bitsPerWeight: Double { Double(storedBytes) * 8 / Double(max(1, parameters)) }
}

/// How similar a model stays to the full one, block by block.
package struct ReportSimilarity: Sendable {
  /// The compared quantity: "attention maps" or "activations".
  package var quantity: String
  /// With what the compressed model ran: "no prompt", or a prompt's, prefix's or LoRA's name: "prompt c4".
  package var condition: String
  /// Cosine similarities, one for each block, −1…1.
  package var values: [Double]
  /// The number of its protocol.
  package var `protocol`: Int

  /// The condition of the compressed model alone.
  package static let withoutPrompt = "no prompt"

  package init(quantity: String, condition: String, values: [Double], protocol: Int) {
    self.quantity = quantity
    self.condition = condition
    self.values = values
    self.protocol = `protocol`
  }
}
