import Bytes
import FoundationEssentials

/// The file that a report is written to. A page of an earlier report is replaced; anything else that is
/// there is kept, above all the inputs.
package struct ReportFile {
  private let destination: FileDestination

  /// Checks that a page can be written to `path` without a loss.
  ///
  /// - Parameter inputs: paths of files and folders that the report reads.
  /// - Throws: `usage` if `path` is one of the inputs; `cannotCreate` if a file is there that isn't an
  ///   HTML page.
  package init(_ path: String, inputs: [String]) throws(Failure) {
    destination = try FileDestination(path)
    guard destination.exists, let own = try? FileIdentity(path: path) else { return }
    for input in inputs {
      guard let other = try? FileIdentity(path: input), other.isSameFile(as: own) else { continue }
      throw Failure(.usage, file: path, "is an input of the report", advice: "name another file")
    }
    switch FileContent(of: try MappedFile(path: path).bytes) {
    case .html, .empty: return
    default:
      throw Failure(
        .cannotCreate, file: path, "is there already and is no HTML page",
        advice: "name another file, or remove it")
    }
  }

  /// Writes the page, whole or not at all.
  package func write(_ page: ReportPage) throws(Failure) {
    try AtomicFile.write(Array(page.text.utf8), to: destination)
  }
}
