import Builds
import BundleFormat
import Bytes
import Models
import Numerics
import Prompts
import Text

/// The stage that computes the uncompressed model's next-token distributions over all training
/// windows, for objectives with a Kullback-Leibler divergence. The result is reused by all
/// compressions and prompts with the same text and windows.
struct TeacherStage: Stage {
  let recipe: PromptRecipe
  /// The work of one token's forward pass without attention, in 10⁹ multiply-adds.
  let forwardWork: Double
  var source = PromptSource.build

  static let name = "teacher"
  /// The `teacherTop` likeliest tokens of every position, in the format of `TeacherCache`.
  static let answers = StageOutput("answers", of: name)

  var name: String { Self.name }
  var algorithmVersion: Int { 3 }
  var parameters: JSON {
    [
      "length": JSON(recipe.settings.length), "seed": JSON(Int(recipe.settings.seed)),
      "top": JSON(recipe.settings.teacherTop),
      "windows": JSON(recipe.settings.teacherPool ?? 0),
      "arithmetic": .string(recipe.arithmetic.available.rawValue),
    ]
  }
  struct Inputs {
    /// The uncompressed model; nil if none was given, which a plan rejects.
    let full: PromptSource.FullInput?
    let tokenizer: PromptSource.TokenizerInput
    let text: FileInput
  }
  func declareInputs(in list: inout InputList) -> Inputs {
    Inputs(
      full: source.declareFull(in: &list), tokenizer: source.declareTokenizer(in: &list),
      text: list.file(recipe.text, as: "text"))
  }
  var outputs: [StageOutput] { [Self.answers] }
  var usesKernels: Bool { true }
  var unit: String { "window" }
  var work: Double {
    forwardWork
      * Double(
        recipe.settings.steps * recipe.settings.batch * recipe.settings.accumulation
          * recipe.settings.length) * 1.3
  }
  var pace: Double { 0.9 }
  var needs: StageNeeds {
    // Six bytes per stored token, in pieces and then again in one file.
    let windows = recipe.settings.teacherPool ?? 0
    return StageNeeds(
      memory: 512 << 20, disk: 12 * windows * recipe.settings.length * recipe.settings.teacherTop)
  }

  /// The names of a piece's parts, in file order.
  private static let parts = ["ids", "probabilities", "tails"]
  /// The number of windows per saved piece.
  private static let piece = 64

  func run(_ context: StageContext, _ inputs: Inputs) throws -> StageResult {
    guard let full = inputs.full else {
      throw Failure(.internalError, "the stage `teacher` has no uncompressed model")
    }
    let text = try Corpus.load(path: context.path(inputs.text)).text
    let ids = try inputs.tokenizer.read(context).encode(text)
    let model = try full.read(context, recipe.arithmetic)
    guard recipe.settings.teacherTop <= model.configuration.vocabularySize else {
      throw Failure(
        .usage, at: "prompt.teacher_top",
        "\(recipe.settings.teacherTop) tokens are more than the vocabulary of"
          + " \(model.configuration.vocabularySize)",
        advice: "use at most that many, or 0 for the whole distribution")
    }
    let settings = recipe.settings
    let windows = try TrainingWindows(
      ids: ids, length: settings.length, seed: settings.seed, pool: settings.teacherPool)
    let starts = windows.poolStarts
    let teacher = try Teacher(model)
    let perPass = max(1, Scorer.rowsPerPass / settings.length)
    for first in stride(from: 0, to: starts.count, by: Self.piece) {
      let piece = starts[first..<min(starts.count, first + Self.piece)]
      if try Self.parts.allSatisfy({ try context.partial.load("\($0)-\(first)") != nil }) {
        continue
      }
      var (names, values, tails) = ([UInt8](), [UInt8](), [UInt8]())
      for start in stride(from: piece.startIndex, to: piece.endIndex, by: perPass) {
        try context.checkStop()
        let batch = piece[start..<min(piece.endIndex, start + perPass)].map { windows[$0] }
        let parts = try TeacherCache.parts(teacher, batch, k: settings.teacherTop)
        names += parts.ids
        values += parts.probabilities
        tails += parts.tails
        context.report(start + batch.count, of: starts.count)
      }
      for (part, bytes) in zip(Self.parts, [names, values, tails]) {
        try context.partial.save("\(part)-\(first)", bytes)
      }
      try context.partial.mark(first + piece.count, of: starts.count, unit: unit)
    }
    return StageResult(
      outputs: [Self.answers: .file(try join(starts, context))],
      summary: ["windows": JSON(starts.count), "top": JSON(settings.teacherTop)])
  }

  /// Joins the saved pieces into one file and returns its path.
  private func join(_ starts: [Int], _ context: StageContext) throws -> String {
    let path = context.partial.scratch("answers.teacher")
    var writer = try AtomicFileWriter(path: path)
    try writer.write(
      TeacherCache.header(
        k: recipe.settings.teacherTop, starts: starts, length: recipe.settings.length))
    for part in Self.parts {
      for first in stride(from: 0, to: starts.count, by: Self.piece) {
        guard let piece = try context.partial.load("\(part)-\(first)") else {
          throw Failure(
            .invalidData, file: path, "a saved piece of the teacher's distributions is missing",
            advice: "run the same command again")
        }
        try writer.write(piece)
      }
    }
    try writer.publish()
    return path
  }
}
