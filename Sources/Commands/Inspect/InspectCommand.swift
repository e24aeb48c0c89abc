import ArgumentParser
import BundleFormat
import Bytes
import Pipeline

/// The command `ctpack inspect`.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Audit a bundle: its contents, quality, provenance and integrity.",
    discussion: """
      --verify none reads no section; fast checks every byte against its XXH3-128; full also checks \
      SHA-256, that every section's content is valid for its type, and that the model can be used: \
      configuration, tokenizer, tensors and prompts are opened and fit each other. A damaged bundle \
      gives exit status 65; `ctpack recover` saves what is intact. --entropy adds the entropy of the codes to the compressed layers' bits per weight: \
      about the size that `ctpack recode --storage coded` reaches. Signatures are shown with the keys \
      that they name; `ctpack verify` checks them.
      """)

  @Argument(help: "The bundle.") var bundle: String
  @Flag(help: "Print the result as JSON.") var json = false
  @Option(help: "How much to verify: none, fast or full.") var verify: Verification = .fast
  @Flag(help: "Also show the entropy of the codes, which reads all of them.") var entropy = false
  @OptionGroup var threads: ThreadOptions

  func run() throws {
    threads.limit()
    let problems = try ModelBundle.auditForUse(path: bundle, level: verify)
    let errors = problems.filter { $0.severity == .error }
    let opened: ModelBundle?
    do {
      opened = try ModelBundle(path: bundle)
    } catch {
      guard !errors.isEmpty else { throw error }
      opened = nil
    }
    // The codes of a damaged bundle aren't read; the problems describe the damage.
    let footprint = try opened.map { bundle throws(Failure) in
      try InspectionFootprint(bundle, entropy: entropy && errors.isEmpty)
    }
    let verified = errors.isEmpty ? verify.rawValue : "failed"
    if json {
      try Output.print(InspectionJSON(bundle: opened, footprint, verified, problems).json)
    } else if let opened, let footprint {
      try Output.print(try InspectionPage(bundle: opened, footprint, verified, problems).lines)
    }
    if let first = errors.first {
      let more = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
      throw Failure(.invalidData, file: bundle, at: first.place, first.finding + more)
    }
  }
}

extension Verification: ExpressibleByArgument {}

/// The audit as JSON, with keys that scripts rely on.
struct InspectionJSON {
  private var object = JSONObject()

  init(
    bundle: ModelBundle?, _ footprint: InspectionFootprint?, _ verified: String,
    _ problems: [Problem]
  ) throws {
    if let bundle {
      // The key of a damaged document is left out; `problems` describes the damage.
      object["format_version"] = .string(bundle.formatVersion)
      object["digest"] = .string(bundle.canonicalDigest.hex)
      object["weights_digest"] = .string(bundle.weightsDigest.hex)
      object["generation"] = .integer(Int64(clamping: bundle.generation))
      object["file_bytes"] = JSON(bundle.fileBytes)
      object["whole_file"] = WholeFile(bundle).json
      object["parameters"] = JSON(bundle.parameters)
      object["bits_per_weight"] = .number(bundle.bitsPerWeight)
      object["compressed_layers"] = footprint?.json
      object["configuration"] = try? bundle.configuration
      object["tensors"] = .array(bundle.tensors.map(\.inspection))
      object["prompts"] = (try? bundle.adapters).map { prompts in
        .array(prompts.map { $0.inspection(in: bundle) })
      }
      object["provenance"] = (try? bundle.provenance)?.map(\.json) ?? .null
      object["evidence"] = (try? bundle.evidence).map { .array($0.map(\.json)) }
      object["ledger"] = ((try? bundle.ledger) ?? nil) ?? .null
      object["events"] = (try? bundle.events).map { .array($0.map(\.json)) }
      object["signatures"] = .array(bundle.verifySignatures().map(\.json))
    }
    object["verified"] = .string(verified)
    object["problems"] = .array(problems.filter { $0.severity == .error }.map(\.json))
    object["notes"] = .array(problems.filter { $0.severity == .note }.map(\.json))
  }

  var json: JSON { .object(object) }
}

extension Problem {
  /// Place and finding.
  var json: JSON { ["place": .string(place), "finding": .string(finding)] }
}

extension TensorDescriptor {
  /// The tensor's name, shape, storage and size in bytes.
  var inspection: JSON {
    [
      "name": .string(name), "shape": JSON(shape), "layout": .string(layout.label),
      "bits": JSON(bits), "group_size": groupSize == 0 ? .null : JSON(groupSize),
      "symmetric": isPacked ? .bool(symmetric) : .null, "sparsity": .number(sparsityRatio),
      "interleaved_rows": .bool(interleaved), "stored_bytes": JSON(storedBytes),
    ]
  }
}

extension StoredAdapter {
  /// The adapter's kind, size, bindings, validation and training.
  var inspection: JSON {
    var bound = JSONObject()
    bound["base_model"] = binding.baseModel.map { .string($0.hex) } ?? .null
    bound["tokenizer"] = binding.tokenizer.map { .string($0.hex) } ?? .null
    bound["weights"] = binding.weights.map { .string($0.hex) } ?? .null
    var object: JSONObject = [
      "name": .string(name), "kind": .string(shape.kind.rawValue), "tokens": JSON(tokens),
      "width": .null,
      "parameters": JSON(values.count), "bytes": JSON(4 * values.count),
      "objective": .string(objective), "bound_to": .object(bound),
      "validated_on": .array(validatedOn.map(\.json)), "unvalidated": .bool(unvalidated),
      "training": training,
    ]
    switch shape {
    case .embeddings(_, let width, let ids):
      object["width"] = JSON(width)
      object["ids"] = ids.map { .array($0.map { .integer(Int64($0)) }) }
    case .prefix(_, let layers, let width):
      (object["width"], object["layers"]) = (JSON(width), JSON(layers))
    case .lowRank(let lowRank):
      (object["rank"], object["alpha"]) = (JSON(lowRank.rank), .number(lowRank.alpha))
      object["targets"] = .array(lowRank.targets.map { .string($0.tensor) })
    }
    return .object(object)
  }
}

extension StoredAdapter {
  /// The adapter's inspection, with the size of its stored keys and values in bytes and the
  /// share, 0 ... 1, that its routing key explains.
  fileprivate func inspection(in bundle: ModelBundle) -> JSON {
    var object = inspection.object ?? [:]
    let stored = try? bundle.keyValues(of: name)
    object["key_values_bytes"] = stored.map { JSON($0.values.count) } ?? .null
    let key = try? bundle.routingKey(of: name)
    object["routing_key_explained"] = key.map { .number($0.explained) } ?? .null
    return .object(object)
  }
}
