import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// The README's example of the library.
@Suite struct ReadmeExampleTests {
  /// The lines of the example, with the file's name in place of `path`.
  private func example(_ path: String) throws -> (names: [String], norm: [Float]?) {
    var names: [String] = []
    func print(_ name: String, _ shape: [Int], _ bits: Int?) { names.append(name) }
    let bundle = try ModelBundle(path: path, verify: .full)
    for tensor in bundle.descriptors { print(tensor.name, tensor.shape, tensor.bits) }
    let norm = try bundle.tensor(named: "model.norm.weight")?.dequantized()  // [Float]
    return (names, norm)
  }

  @Test func itReadsABundle() throws {
    let folder = try TemporaryFolder()
    var writer = BundleWriter(path: folder.file("a.ctpack"))
    let values: [Float] = [1, -0.5, 2, 0.25]
    writer.addTensor(
      try StoredTensor.dense(
        name: "model.norm.weight", shape: [4], format: .float32,
        values: ByteSlice([UInt8](floats: values))))
    try writer.finish()
    let read = try example(folder.file("a.ctpack"))
    #expect(read.names == ["model.norm.weight"])
    #expect(read.norm == values)
  }

  /// Each line of the README's example is one of those above.
  @Test func theReadmeShowsIt() throws {
    let page = try String(contentsOfFile: RealModel.packageRoot + "/README.md", encoding: .utf8)
    let own = try String(contentsOfFile: #filePath, encoding: .utf8).split(separator: "\n").map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    let lines = page.split(separator: "\n", omittingEmptySubsequences: false).drop {
      $0 != "    import BundleFormat"
    }.prefix { $0.hasPrefix("    ") }.map {
      $0.trimmingCharacters(in: .whitespaces).replacing(#""smollm2-3bit.ctpack""#, with: "path")
        .replacing("   //", with: "  //")
    }
    #expect(lines.count == 4, "\(lines)")
    for line in lines { #expect(own.contains(line), "\(line)") }
  }
}
