import Bytes
import Checkpoints
import Foundation
import TestSupport
import Testing

/// Access to the golden files, which the scripts in the folder Golden write.
enum Golden {
  static func path(_ name: String) -> String {
    (Bundle.module.resourcePath ?? ".") + "/Golden/" + name
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    try MappedFile(path: path(name)).bytes.array
  }

  static func json(_ name: String) throws -> JSON {
    try JSON(parsing: try bytes(name), file: name)
  }

  static func floats(_ name: String) throws -> [Float] {
    let slice = try MappedFile(path: path(name)).bytes
    return try stride(from: 0, to: slice.count, by: 4).map { offset in
      Float(bitPattern: try #require(slice.integer(at: offset, as: UInt32.self)))
    }
  }
}

/// Expects a tensor to match the facts that Golden/facts.py recorded of it.
func expect(
  _ name: String, in source: any TensorSource, matches fact: JSON,
  location: SourceLocation = #_sourceLocation
) throws {
  #expect(source.sourceType(of: name) == fact["type"]?.string, "\(name)", sourceLocation: location)
  #expect(
    source.shape(of: name) == fact["shape"]?.array?.compactMap(\.int), "\(name)",
    sourceLocation: location)
  let tensor = try source.tensor(name)
  #expect(tensor.shape == source.shape(of: name), "\(name)", sourceLocation: location)
  let values = tensor.values
  #expect(
    values.first.map(Double.init) == fact["first"]?.double, "\(name)", sourceLocation: location)
  #expect(values.last.map(Double.init) == fact["last"]?.double, "\(name)", sourceLocation: location)
  // The checksum weighs every value by its position, which detects rows out of order.
  var sum = 0.0
  var magnitude = 0.0
  for (index, value) in values.enumerated() {
    let term = Double(value) * Double((index * 7919) % 101 - 50)
    sum += term
    magnitude += abs(term)
  }
  let wanted = try fact.required("checksum", as: Double.self)
  // Terms are exact in float64; both sums are rounded once per addition.
  let bound = 2 * Rounding.gamma(values.count, Rounding.float64) * magnitude
  #expect(
    abs(sum - wanted) <= bound, "\(name): \(sum), not \(wanted)",
    sourceLocation: location)
}

/// A temporary folder, removed when the object is deallocated.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "ctpack-checkpoints-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Creates a folder with copies of a golden folder's files.
  convenience init(copying golden: String) throws {
    try self.init()
    for name in try FileManager.default.contentsOfDirectory(atPath: Golden.path(golden)) {
      try FileManager.default.copyItem(
        atPath: Golden.path(golden) + "/" + name, toPath: path + "/" + name)
    }
  }

  func write(_ bytes: [UInt8], _ name: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Expects `body` to throw a failure of `kind` whose description contains all of `parts`.
func expectFailure(
  _ kind: Failure.Kind, _ parts: String..., location: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("nothing was refused", sourceLocation: location)
  } catch let failure as Failure {
    #expect(failure.kind == kind, "\(failure)", sourceLocation: location)
    for part in parts {
      #expect(
        failure.description.contains(part), "\"\(part)\" is not in: \(failure)",
        sourceLocation: location)
    }
  } catch {
    Issue.record("an error of another type: \(error)", sourceLocation: location)
  }
}
