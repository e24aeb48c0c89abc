import Bytes
import Foundation
import TestSupport
import Testing

/// Recipes of published settings, explained (`run --explain`) without their checkpoints and texts.
@Suite struct SeedRecipeTests {
  static let folder = RealModel.packageRoot + "/Recipes/seeds"

  @Test(arguments: [
    ("opt-1.3b", 1.3e9), ("opt-2.7b", 2.65e9), ("opt-6.7b", 6.66e9), ("llama-7b", 6.74e9),
  ])
  func everyVariantIsExplained(name: String, parameters: Double) throws {
    let folder = try TemporaryFolder()
    let ctpack = Program(folder: folder)
    var compressed: [String: Int] = [:]
    for variant in ["4bit", "3bit", "2bit", "50", "62.5", "75", "joint"] {
      let result = try ctpack(
        "run", "\(Self.folder)/\(name).yaml", "--variant", variant, "--explain", "--json")
      #expect(result.status == 0, "\(name) \(variant): \(result.errors)")
      let stages = result.json["stages"]?.array ?? []
      #expect(
        stages.compactMap { $0["stage"]?.string } == [
          "import", "calibrate", "compress", "prompt", "verify", "gate", "package",
        ])
      let disk = stages.map { $0["estimate"]?["disk_bytes"]?.int ?? -1 }
      #expect(abs(Double(disk[0]) - 2 * parameters) < 0.05 * 2 * parameters, "\(disk[0])")
      compressed[variant] = disk[6]
      let seconds = stages.compactMap { $0["estimate"]?["seconds"]?.double }
      #expect(
        seconds.count == 7 && seconds[3] > seconds[2],
        "learning should take longer than compression: \(seconds)")
    }
    let order = ["2bit", "3bit", "4bit", "50"].compactMap { compressed[$0] }
    #expect(order == order.sorted() && order.count == 4)
    #expect(folder.names.allSatisfy { $0.hasPrefix(".") }, "something was written")
  }
}
