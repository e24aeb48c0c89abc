import Builds
import BundleFormat
import Bytes
import FoundationEssentials

/// An input of a report: a bundle, by its file or by the work folder of the build that made it.
package struct ReportInput {
  /// The input as it was named.
  package let name: String
  package let bundle: ModelBundle

  /// Opens the bundle at `path`, or the finished bundle of the work folder at `path`.
  ///
  /// - Parameter verify: how much of it is checked first.
  /// - Throws: `inputMissing` if there is no such file, or the build has no finished bundle;
  ///   `invalidData` if it is neither a bundle nor a work folder, or damaged.
  package init(_ path: String, verify: Verification) throws {
    name = path
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(.inputMissing, file: path, "there is no such file or folder")
    }
    // "path/." exists only if the path is a folder.
    guard FileManager.default.fileExists(atPath: path + "/.") else {
      bundle = try Self.checked(path, verify)
      return
    }
    guard FileManager.default.fileExists(atPath: path + "/store.json") else {
      throw Failure(
        .invalidData, file: path, "is a folder, but not the work folder of a build",
        advice: "name a bundle, or the folder that `ctpack run --work` was given")
    }
    guard let file = try Store.existing(path).latestPath(of: BuildPlan.artifact) else {
      throw Failure(
        .inputMissing, file: path, "the build has no finished bundle",
        advice: "run its recipe to the end")
    }
    bundle = try Self.checked(file, verify)
  }

  /// A page on a damaged bundle would show what nobody measured.
  private static func checked(_ path: String, _ verify: Verification) throws(Failure) -> ModelBundle
  {
    let bundle = try ModelBundle(path: path)
    guard verify != .none,
      let fault = bundle.checkForUse(verify).first(where: { $0.severity == .error })
    else { return bundle }
    throw Failure(
      .invalidData, file: path, at: fault.place, fault.finding,
      advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
  }

  /// Names for `paths` that differ from each other: the last component without what every bundle and
  /// work folder ends with, then with the folder around it, then with a number.
  package static func labels(_ paths: [String]) -> [String] {
    func stem(_ path: String) -> String {
      let name = PathNames.last(path)
      for end in [".ctpack", ".work"] where name.hasSuffix(end) && name.count > end.count {
        return String(name.dropLast(end.count))
      }
      return name
    }
    func differ(_ labels: [String], by longer: (Int) -> String) -> [String] {
      let counts = Dictionary(labels.map { ($0, 1) }, uniquingKeysWith: +)
      return labels.enumerated().map { counts[$1] == 1 ? $1 : longer($0) }
    }
    let short = paths.map(stem)
    let folders = differ(short) { index in
      let folder = PathNames.last(PathNames.parent(paths[index]))
      return folder == "." ? short[index] : "\(folder)/\(short[index])"
    }
    return differ(folders) { "\(folders[$0]) (\($0 + 1))" }
  }
}

extension ReportData {
  /// The data of a report on `inputs`, in their order.
  ///
  /// - Throws: `usage` if two inputs have the same content; `invalidData` where a document of a bundle
  ///   can't be read.
  package init(_ inputs: [ReportInput]) throws(Failure) {
    self.init(programVersion: ProgramVersion.current)
    let labels = ReportInput.labels(inputs.map(\.name))
    var known: [SHA256Digest: String] = [:]
    for (input, label) in zip(inputs, labels) {
      let bundle = try ReportBundle(input.bundle, named: label, in: &protocols)
      if let first = known[bundle.digest] {
        throw Failure(
          .usage, file: input.name, "has the same content as \(first)",
          advice: "name each bundle once")
      }
      known[bundle.digest] = input.name
      bundles.append(bundle)
    }
  }
}
