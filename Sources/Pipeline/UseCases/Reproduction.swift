import Builds
import BundleFormat
import Bytes
import Numerics

/// A check that a bundle can be made again: a plan of the same build from its recipe and inputs, and
/// a comparison of what that build makes with what the bundle holds.
///
/// The recipe is the bundle's own, with its inputs as `InputSearch` found them, or a given one: every
/// field in which that differs from the bundle's is named.
package struct Reproduction: Sendable {
  private let bundle: ModelBundle
  /// The bundle's record of its build.
  package let recorded: Provenance
  /// The build to run.
  package let plan: BuildPlan
  /// Fields in which the bundle's recipe (first) and the given one (second) differ.
  package let recipeChanges: [ValueChange]
  /// Other reasons for different bits: another version of the program, another class of kernels.
  package let notes: [String]

  /// Compares inputs and recipe with those that the bundle records.
  ///
  /// - Throws: `invalidData` if the bundle records no build, or if the recipe's files are others than
  ///   those recorded, naming each; `inputMissing` if a file is missing.
  package init(of bundle: ModelBundle, by recipe: Recipe) throws(Failure) {
    let recorded = try bundle.recordedBuild
    self.bundle = bundle
    self.recorded = recorded
    plan = try BuildPlan(recipe)
    let sources = (plan.stages.last as? PackageStage)?.sourceFiles ?? []
    let inputs = try ReproductionInputs(
      recipe, sources: sources, recorded: recorded, bundle: bundle.path)
    var notes: [String] = []
    if recorded.programVersion != ProgramVersion.current {
      notes.append(
        "the bundle was made by ctpack \(recorded.programVersion), this is"
          + " \(ProgramVersion.current); another version may give other bits")
    }
    if recorded.kernelClass != BLAS.kernelClass {
      notes.append(
        "the bundle was computed by \(recorded.kernelClass), this machine has \(BLAS.kernelClass);"
          + " another processor or BLAS rounds differently")
    }
    let today = recipe.canonical(files: inputs.files)
    if let bytes = try bundle.recipe, let stored = try? JSON(parsing: bytes), stored.object != nil {
      recipeChanges = ValueChange.between(stored, today)
    } else {
      recipeChanges = []
      notes.append("the bundle holds no recipe in canonical form, so fields can't be compared")
    }
    self.notes = notes
  }

  /// Compares what the build made with the bundle.
  ///
  /// - Parameters:
  ///   - done: the records of all stages.
  ///   - rebuilt: the bundle that the build made.
  package func outcome(
    _ done: [StageMarker], _ rebuilt: ModelBundle
  ) throws(Failure) -> ReproductionOutcome {
    let content = try ReproducedContent(bundle, rebuilt)
    let origin = try Self.origin(of: bundle)
    let known = Dictionary(
      (origin?.inputs ?? []).map { ($0.name, $0.sha256) }, uniquingKeysWith: { a, _ in a })
    return ReproductionOutcome(
      stages: stages(done, known), content: content,
      outputs: [ImportStage.model, CalibrateStage.windows].compactMap { output in
        guard let recorded = known[output.name], let object = done.object(of: output),
          object.digest != recorded
        else { return nil }
        return output.stage
      })
  }

  /// The record of what made the compressed tensors, the same in all of them; nil if there is none.
  private static func origin(of bundle: ModelBundle) throws(Failure) -> SectionOrigin? {
    for section in bundle.sections {
      if let json = section.attributes["made_by"] { return try SectionOrigin(json: json) }
    }
    return nil
  }

  /// Compares the key of each recorded stage with today's.
  private func stages(
    _ done: [StageMarker], _ inputs: [String: SHA256Digest]
  ) -> [ReproducedStage] {
    var earlier: String?
    return recorded.stages.map { stage in
      guard let marker = done.first(where: { $0.stage == stage.name }) else {
        earlier = earlier ?? stage.name
        return ReproducedStage(
          name: stage.name, recorded: stage.key, key: nil,
          reasons: fields(of: stage.name, or: ["the recipe has no such stage"]))
      }
      let key = marker.key.digest
      guard key != stage.key else {
        return ReproducedStage(name: stage.name, recorded: stage.key, key: key, reasons: [])
      }
      let traced = marker.key.differences(
        from: stage.key, kernels: recorded.kernelClass,
        inputs: stage.name == CompressStage.name ? inputs : [:])
      let unknown =
        earlier.map { "it depends on \($0), which differs" }
        ?? "the key's parts aren't recorded; nothing that is recorded explains it"
      let reasons = traced ?? fields(of: stage.name, or: [unknown])
      earlier = earlier ?? stage.name
      return ReproducedStage(
        name: stage.name, recorded: stage.key, key: key, reasons: reasons)
    }
  }

  /// The changed fields of the recipe on which `stage` depends, one clause each.
  private func fields(of stage: String, or other: [String]) -> [String] {
    let changed = recipeChanges.filter { Self.stage(ofField: $0.path) == stage }
    return changed.isEmpty ? other : changed.map(\.clause)
  }

  /// The first stage that depends on a field of the canonical recipe.
  private static func stage(ofField path: String) -> String {
    switch path.prefix(while: { $0 != "." && $0 != "[" }) {
    case "calibration": CalibrateStage.name
    case "compression": CompressStage.name
    case "prompt": path == "prompt.key_values" ? PackageStage.name : PromptOutputs.stage
    case "evaluation": VerifyStage.name
    case "gate": GateStage.name
    default: PackageStage.name
    }
  }
}

extension ValueChange {
  /// The change in words: `compression.linear.bits changed from 3 to 4`.
  package var clause: String {
    func shown(_ value: JSON?) -> String { value.map { $0.string ?? $0.canonicalText } ?? "absent" }
    return "\(path) changed from \(shown(first)) to \(shown(second))"
  }
}
