import Bytes

extension Build {
  /// Checks that every stage reads only outputs of earlier stages, and that names of stages and of
  /// a stage's inputs are unique.
  ///
  /// - Throws: `internalError` naming the stage and the input.
  static func checkWiring(_ stages: [any Stage]) throws(Failure) {
    var earlier: Set<String> = []
    var made: Set<StageOutput> = []
    for stage in stages {
      func refuse(_ finding: String) -> Failure {
        Failure(.internalError, "stage \(stage.name) \(finding)")
      }
      var names: Set<String> = []
      for input in stage.inputs {
        guard names.insert(input.name).inserted else {
          throw refuse("declares two inputs `\(input.name)`")
        }
        switch input.source {
        case .file, .part: continue
        case .output(let output):
          guard made.contains(output) else {
            throw refuse(
              "reads `\(output.name)` of \(output.stage), which no stage before it makes")
          }
        case .record(let origin):
          guard earlier.contains(origin) else {
            throw refuse("reads the record of \(origin), which doesn't come before it")
          }
        }
      }
      for output in stage.outputs where output.stage != stage.name {
        throw refuse("declares `\(output.name)` as an output of \(output.stage)")
      }
      guard earlier.insert(stage.name).inserted else { throw refuse("occurs twice") }
      made.formUnion(stage.outputs)
    }
  }

  /// Checks that a stage made exactly the outputs that it declares.
  ///
  /// - Throws: `internalError` naming the outputs that differ.
  static func checkOutputs(_ result: StageResult, of stage: any Stage) throws(Failure) {
    let (found, declared) = (Set(result.outputs.keys), Set(stage.outputs))
    guard found == declared else {
      let names = found.symmetricDifference(declared).map(\.name).sorted().joined(separator: ", ")
      throw Failure(
        .internalError, "the outputs of stage \(stage.name) differ from those it declares: \(names)"
      )
    }
  }
}
