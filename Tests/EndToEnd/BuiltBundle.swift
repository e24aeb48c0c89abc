import TestSupport
import Testing

/// A finished build of `Workshop`'s recipe, with the prompt `default` and measurements on `held-out`. It
/// is made once for all suites that only need a bundle.
enum BuiltBundle {
  private static let bytes: Result<[UInt8], any Error> = Result {
    let shop = try Workshop()
    let run = try shop.ctpack("run", "small.yaml", "--out", "a.ctpack")
    try #require(run.status == 0, "\(run.errors)")
    return try shop.folder.read("a.ctpack")
  }

  /// Writes a copy.
  static func write(_ name: String, to folder: TemporaryFolder) throws {
    try folder.write(name, bytes.get())
  }
}
