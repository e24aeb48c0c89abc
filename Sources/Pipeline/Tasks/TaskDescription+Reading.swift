import Bytes
import Evaluation
import Yams

/// Reading of task files. Fields are named as in lm-evaluation-harness where they mean the same there;
/// what changes its results and isn't supported is refused by name.
extension TaskDescription {
  /// The name of the top-level section in messages.
  static let top = "the task"

  /// Reads and checks a task file; paths within it are relative to its folder and may hold `${NAME}`
  /// from the environment.
  ///
  /// - Parameter data: the path of the rows, in place of the file's own.
  /// - Throws: `inputMissing` if a file of rows is missing; `invalidData` with the line of each problem.
  package init(path: String, data: String? = nil) throws(Failure) {
    let document = try YAMLDocument.load(path: path)
    try self.init(document, path: path, RecipePaths(recipe: path), data: data)
    digest = SHA256Digest(hashing: try MappedFile(path: path).bytes)
  }

  /// Reads and checks a task's text; `path` is named in messages, and its folder is that of the paths.
  package init(
    yaml: String, path: String, environment: [String: String] = [:]
  ) throws(Failure) {
    try self.init(
      YAMLDocument.parse(yaml, file: path), path: path,
      RecipePaths(recipe: path, environment: environment), data: nil)
    digest = SHA256Digest(hashing: Array(yaml.utf8))
  }

  private init(
    _ document: Node, path: String, _ paths: RecipePaths, data: String?
  ) throws(Failure) {
    let problems = RecipeProblems(file: path)
    let section = RecipeSection(document, section: Self.top, problems: problems, paths: paths)
    self.init(file: path)
    for (name, why) in Self.refused where section.has(name) {
      section.expect(name)
      section.note(name, "isn't supported: \(why)")
    }
    for name in Self.irrelevant { section.expect(name) }
    readNames(section, data: data)
    readTemplates(section)
    readExamples(section)
    readMetrics(section)
    readGeneration(section)
    checkParts(section)
    section.finish()
    lines = problems.lines
    try problems.check()
  }

  /// Fields of lm-evaluation-harness that change neither requests nor results of rows given by file.
  private static let irrelevant = [
    "task_alias", "tag", "group", "metadata", "should_decontaminate",
    "doc_to_decontamination_query", "dataset_name", "dataset_kwargs", "training_split",
    "validation_split", "test_split", "fewshot_split", "custom_dataset", "unsafe_code",
  ]

  /// Fields that change results in ways that ctpack doesn't follow.
  private static let refused = [
    ("include", "put all fields into one file"),
    ("process_docs", "prepare fields by functions in the templates, such as `|hellaswag`"),
    ("process_results", "rows are judged by `metric_list`"),
    ("use_prompt", "write the prompt as `doc_to_text`"),
    ("gen_prefix", "write it at the end of `doc_to_text`"),
    ("doc_to_image", "models read text"), ("doc_to_audio", "models read text"),
    ("repeats", "each row is answered once"),
    ("fewshot_docs", "give the file of the examples as `fewshot_path`"),
  ]

  private mutating func readNames(_ section: RecipeSection, data: String?) {
    if let name = section.text("task") {
      self.name = name
      if !PlainName.allows(name) { section.note("task", "use \(PlainName.letters) only") }
    } else if !section.has("task") {
      section.note("task", "is missing: it needs the task's name")
    }
    if let output = section.choice("output_type", of: OutputType.allCases.map(\.rawValue)) {
      outputType = OutputType(rawValue: output) ?? outputType
    } else if !section.has("output_type") {
      section.note("output_type", "is missing: it needs \(OutputType.spellings)")
    }
    if let data {
      section.expect("dataset_path")
      rows.path = data
    } else if section.has("dataset_path") {
      rows.path = section.file("dataset_path") ?? ""
    } else {
      section.note("dataset_path", "is missing: it needs the path of a file of rows")
    }
    rows.format = format(section, "dataset_format")
    rows.columns = section.texts("column_names") ?? []
    if section.has("labels_path") { rows.labelsPath = section.file("labels_path") }
    if section.has("fewshot_path") {
      var source = TaskRows.Source()
      source.path = section.file("fewshot_path") ?? ""
      source.format = format(section, "fewshot_format")
      source.columns = rows.columns
      if section.has("fewshot_labels_path") {
        source.labelsPath = section.file("fewshot_labels_path")
      }
      fewshotRows = source
    }
  }

  private func format(_ section: RecipeSection, _ name: String) -> TaskRows.Format? {
    section.choice(name, of: TaskRows.Format.allCases.map(\.rawValue))
      .flatMap { TaskRows.Format(rawValue: $0) }
  }

  private mutating func readTemplates(_ section: RecipeSection) {
    description = section.template("description")
    docToText = section.template("doc_to_text")
    if let fixed = section.sequence("doc_to_choice") {
      docToChoice = .fixed(fixed)
      if fixed.isEmpty { section.note("doc_to_choice", "is an empty list") }
      if let empty = fixed.firstIndex(of: "") {
        section.note("doc_to_choice", "choice \(empty + 1) of \(fixed.count) is empty")
      }
    } else if let template = section.template("doc_to_choice") {
      docToChoice = .template(template)
    }
    if let template = section.template("doc_to_target") {
      docToTarget = Int(template.source).map { .index($0) } ?? .template(template)
    }
    targetDelimiter = section.plainText("target_delimiter") ?? targetDelimiter
    fewshotDelimiter = section.plainText("fewshot_delimiter") ?? fewshotDelimiter
  }

  private mutating func readExamples(_ section: RecipeSection) {
    fewshot = section.integer("num_fewshot", in: 0...100) ?? 0
    guard section.has("fewshot_config") else { return }
    let own = section.nested("fewshot_config")
    // Python's random numbers aren't drawn here: the examples are the first rows.
    _ = own.choice("sampler", of: ["first_n"])
    own.finish()
  }

  private mutating func readMetrics(_ section: RecipeSection) {
    for own in section.sections("metric_list") {
      let known = Metric.allowed(for: outputType)
      if let name = own.choice("metric", of: known.map(\.rawValue)),
        let metric = Metric(rawValue: name)
      {
        if metrics.contains(metric) { own.note("metric", "\(name) is given twice") }
        metrics.append(metric)
        let wanted = metric == .perplexity ? "perplexity" : "mean"
        _ = own.choice("aggregation", of: [wanted])
        if let higher = own.flag("higher_is_better"), higher != metric.isShare {
          own.note("higher_is_better", "is \(metric.isShare) for \(name)")
        }
        if metric == .exactMatch, outputType == .generated {
          comparison.ignoresCase = own.flag("ignore_case") ?? false
          comparison.ignoresPunctuation = own.flag("ignore_punctuation") ?? false
          comparison.ignoresNumbers = own.flag("ignore_numbers") ?? false
        }
      } else {
        if !own.has("metric") { own.note("metric", "is missing") }
        for name in ["aggregation", "higher_is_better"] { own.expect(name) }
      }
      own.finish()
    }
    if metrics.isEmpty { metrics = Metric.usual(for: outputType) }
  }

  private mutating func readGeneration(_ section: RecipeSection) {
    if section.has("generation_kwargs") {
      let own = section.nested("generation_kwargs")
      until = own.texts("until") ?? []
      maxTokens = own.integer("max_gen_toks", in: 1...100_000) ?? maxTokens
      if own.flag("do_sample") == true {
        own.note("do_sample", "isn't supported: the likeliest token is taken")
      }
      if let temperature = own.number("temperature", in: 0...1000), temperature != 0 {
        own.note("temperature", "isn't supported: the likeliest token is taken, as with 0")
      }
      own.finish()
      if outputType != .generated {
        section.note("generation_kwargs", "goes with `output_type: generate_until`")
      }
    }
    for filter in section.sections("filter_list") {
      _ = filter.text("name")
      for own in filter.sections("filter") {
        let function = own.choice("function", of: ["remove_whitespace", "take_first"])
        if function == "remove_whitespace" { comparison.stripsStart = true }
        own.finish()
      }
      filter.finish()
    }
  }

  /// Checks that the parts which the output type needs are there, and no others.
  private func checkParts(_ section: RecipeSection) {
    func need(_ name: String, _ isThere: Bool) {
      if !isThere, !section.has(name) {
        section.note(name, "is missing: \(outputType.rawValue) needs it")
      }
    }
    need("doc_to_text", docToText != nil)
    need("doc_to_target", docToTarget != nil)
    if outputType == .multipleChoice {
      need("doc_to_choice", docToChoice != nil)
    } else {
      if section.has("doc_to_choice") {
        section.note("doc_to_choice", "goes with `output_type: multiple_choice`")
      }
      if case .index = docToTarget {
        section.note("doc_to_target", "is a number, but \(outputType.rawValue) needs a text")
      }
    }
    if fewshotRows != nil, fewshot == 0, !section.has("num_fewshot") {
      section.note("fewshot_path", "is given, but `num_fewshot` isn't")
    }
  }
}

extension TaskDescription.OutputType {
  /// All spellings, for messages.
  static var spellings: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
