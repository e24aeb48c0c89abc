import Bytes
import Prompts
import Text

extension PromptRecipe {
  /// As the learner takes them; tokens of texts (`sink`, `init_text`) are still to be filled in.
  var settings: PromptSettings {
    var settings = PromptSettings()
    settings.kind = kind
    (settings.rank, settings.alpha, settings.targets) = (rank, alpha, targets)
    settings.tokens = tokens
    settings.steps = steps
    settings.batch = batch
    settings.accumulation = accumulation
    settings.length = length
    settings.optimiser = optimiser
    settings.learningRate = learningRate
    settings.warmupSteps = warmup
    settings.schedule = schedule
    settings.weightDecay = weightDecay
    settings.clipNorm = clipNorm
    settings.initialisation = start
    settings.teacherShare = teacherShare
    settings.teacherTop = teacherTop
    settings.validationEvery = validation.every
    settings.validationWindows = validation.windows
    settings.patience = patience
    settings.seed = UInt64(seed)
    return settings
  }

  /// With the tokens of the recipe's texts.
  /// - Throws: `invalidData` where the sink isn't one token.
  func settings(with tokenizer: Tokenizer) throws(Failure) -> PromptSettings {
    var settings = settings
    if let sink {
      let ids = tokenizer.encode(sink)
      guard ids.count == 1 else {
        throw Failure(
          .invalidData, at: "prompt.sink", "`\(sink)` is \(ids.count) tokens, not one",
          advice: "name one token, such as the one that begins a text")
      }
      settings.sink = ids[0]
    }
    if let startText { settings.startIDs = tokenizer.encode(startText) }
    return settings
  }

  /// Whether the full model is asked about all training windows before learning begins.
  var needsTeacherStage: Bool { settings.teacherPool != nil }

  /// Everything but the files' places.
  var json: JSON {
    if kind == .hard {
      return [
        "name": .string(name), "kind": .string(kind.rawValue),
        "hard_text": hardText.map { .string($0) } ?? .null,
      ]
    }
    var object: JSONObject = [
      "name": .string(name), "kind": .string(kind.rawValue),
      "arithmetic": .string(arithmetic.available.rawValue), "steps": JSON(steps),
      "batch": JSON(batch), "accumulate": JSON(accumulation), "length": JSON(length),
      "objective": .string(settings.objective), "optimiser": .string(optimiser.rawValue),
      "learning_rate": .number(learningRate), "warmup": JSON(warmup),
      "schedule": .string(schedule.rawValue), "weight_decay": .number(weightDecay),
      "clip_norm": .number(clipNorm), "seed": JSON(seed), "patience": JSON(patience),
      "validation": ["windows": JSON(validation.windows), "every": JSON(validation.every)],
    ]
    if teacherShare > 0 {
      object["kl_share"] = .number(teacherShare)
      object["teacher_top"] = JSON(teacherTop)
    }
    if kind == .lora {
      (object["rank"], object["alpha"]) = (JSON(rank), .number(alpha))
      object["targets"] = targets.isEmpty ? "all" : .array(targets.map { .string($0.short) })
    } else {
      (object["tokens"], object["init"]) = (JSON(tokens), .string(start.rawValue))
    }
    object["init_text"] = startText.map { .string($0) }
    object["sink"] = sink.map { .string($0) }
    if let startFrom {
      object["init"] = "prompt"
      object["init_from"] = startFrom.prompt.map { .string($0) } ?? "the only prompt"
    }
    return .object(object)
  }
}
