import BundleFormat
import Bytes

/// Writes a bundle with one 4-bit matrix, adds a prompt in place, checks the file and returns the
/// matrix's weights [2, 4].
func writeAndRead(_ path: String) throws -> [Float] {
  // Two rows of four codes, each row one group with its own scale. A symmetric grid of 4 bits has
  // the zero point 8, so that code 8 is 0.
  let codes: [UInt8] = [8, 9, 10, 7, 0, 8, 15, 8]
  let scales = [UInt8](floats: [0.5, 0.25], as: .float16)
  let matrix = try StoredTensor.packed(
    name: "layer.weight", shape: [2, 4], bits: 4, groupSize: 4,
    codes: ByteSlice(Planar.pack(codes, rows: 2, columns: 4, bits: 4)),
    scales: ByteSlice(scales))

  // Nothing appears at `path` before `finish`.
  var writer = BundleWriter(path: path)
  writer.addTensor(matrix)
  writer.add(.document(.licence, bytes: ByteSlice(Array("Free to use.\n".utf8))))
  let weights = try writer.weightsDigest()
  try writer.finish()

  // Edits keep what is there: the prompt and a new table are appended. Whatever the edit depends on is
  // read from `edit.bundle`, which nobody else changes until the edit ends.
  let prompt = StoredAdapter(
    name: "demo", tokens: 1, width: 4, embeddings: [0.5, -1, 0.25, 2],
    binding: .init(baseModel: nil, tokenizer: nil, weights: weights), objective: "cross-entropy")
  try BundleEditor.edit(path) { (edit) throws(Failure) in
    guard edit.bundle.weightsDigest == weights else {
      throw Failure(.busy, file: path, "holds other weights by now")
    }
    edit.add(.adapter(prompt))
  }

  // `full` verification throws unless every byte and every section is what it should be.
  let bundle = try ModelBundle(path: path, verify: .full)
  for section in bundle.sections {
    print(section.label, section.storedSize, "bytes")
  }
  return try bundle.tensor(named: "layer.weight")?.dequantized() ?? []
}
