import Builds
import BundleFormat
import Bytes
import Evaluation
import Models
import Pipeline
import Prompts

// Libraries say what is wrong and know no options. The command line adds the option that solves it.

extension Failure {
  /// The words about options that are added to a failure's sentence.
  private struct Options {
    /// The option whose value was refused; replaces the failure's place.
    var place: String? = nil
    /// Words appended to the library's advice.
    var suffix = ""
    /// Advice in place of the library's.
    var advice: String? = nil
  }

  /// Option words by the failure's reason.
  private static let options: [Reason: Options] = [
    .unknownStage: Options(place: "--until"),
    .foreignWorkFolder: Options(suffix: " with --work"),
    .workFolderLayout: Options(suffix: " with --work"),
    .noWorkFolder: Options(suffix: " (`ctpack run --work`)"),
    .bundleEdited: Options(suffix: " with --force"),
    .artifactIsFolder: Options(suffix: " with --out"),
    .variantNeeded: Options(suffix: " with --variant"),
    .teacherNeeded: Options(advice: "name it with --teacher"),
    .recipeNeeded: Options(suffix: " with --recipe"),
    .inputsNeeded: Options(
      advice: "give each with --input NAME=PATH, or a folder that holds them with --inputs"),
    .cacheRange: Options(suffix: " (--cache float32)"),
    .textTooShort: Options(suffix: " (--seqlen)"),
    .promptNameTaken: Options(suffix: " with --as"),
    .promptNameReserved: Options(suffix: " with --as"),
    .promptNamesEqual: Options(suffix: " with --as"),
    .promptNeeded: Options(suffix: " with --prompt"),
    .bundleDamaged: Options(suffix: " with `ctpack recover`"),
    .olderState: Options(
      advice: "recover the newest state with `ctpack recover`, or accept the older one with "
        + "--accept-older-state"),
    .promptUnvalidated: Options(
      advice: "measure it with --text FILE, or accept it unmeasured with --allow-unvalidated"),
  ]

  /// This failure with the options that solve it named in its place and advice.
  var namingOptions: Failure {
    guard let reason, let options = Self.options[reason] else { return self }
    let advice = options.advice ?? self.advice.map { $0 + options.suffix }
    return Failure(
      kind, file: file, at: options.place ?? place, finding, list: list, advice: advice,
      reason: reason)
  }
}
