import Builds
import Bytes
import Evaluation
import Pipeline
import Prompts

/// The command line's part of a failure's sentence: libraries say what is wrong, and here the
/// options are named that answer it.
extension Failure {
  private struct Options {
    /// The option whose value was refused.
    var place: String? = nil
    /// Follows the library's advice.
    var suffix = ""
    /// Replaces the library's advice.
    var advice: String? = nil
  }

  private static let options: [Reason: Options] = [
    .unknownStage: Options(place: "--until"),
    .foreignWorkFolder: Options(suffix: " with --work"),
    .workFolderLayout: Options(suffix: " with --work"),
    .noWorkFolder: Options(suffix: " (`ctpack run --work`)"),
    .artifactIsFolder: Options(suffix: " with --out"),
    .variantNeeded: Options(suffix: " with --variant"),
    .teacherNeeded: Options(advice: "name it with --teacher"),
    .textTooShort: Options(suffix: " (--seqlen)"),
    .promptNameTaken: Options(suffix: " with --as"),
    .promptNameReserved: Options(suffix: " with --as"),
    .promptNamesEqual: Options(suffix: " with --as"),
    .promptNeeded: Options(suffix: " with --prompt"),
    .promptUnvalidated: Options(
      advice: "measure it with --text FILE, or take it as it is with --allow-unvalidated"),
  ]

  /// This failure with the options named that answer it.
  var namingOptions: Failure {
    guard let reason, let options = Self.options[reason] else { return self }
    let advice = options.advice ?? self.advice.map { $0 + options.suffix }
    return Failure(
      kind, file: file, at: options.place ?? place, finding, advice: advice, reason: reason)
  }
}
