import BundleFormat
import Bytes

/// A statement on how a bundle was built: in-toto Statement v1 with the predicate SLSA provenance v1.
/// https://in-toto.io/Statement/v1, https://slsa.dev/provenance/v1
///
/// It is unsigned; a signer puts it into a DSSE envelope.
package struct SLSAStatement {
  /// The type of the builds: a recipe and its inputs make a bundle (Formats/provenance.md).
  package static let buildType = "urn:ctpack:recipe-build:1"

  let description: BundleDescription
  private let provenance: Provenance
  private let recipe: ByteSlice

  /// - Throws: `invalidData` if the bundle doesn't record what it was made from.
  package init(_ description: BundleDescription) throws(Failure) {
    self.description = description
    let path = description.bundle.path
    guard let provenance = description.provenance else {
      throw Failure(
        .invalidData, file: path,
        "the bundle has no provenance, so nothing can be stated about its build",
        advice: "build it from a recipe with `ctpack run`")
    }
    guard let recipe = try description.bundle.recipe else {
      throw Failure(
        .invalidData, file: path,
        "the bundle has no recipe, which a statement on its build must name",
        advice: "build it from a recipe with `ctpack run`")
    }
    self.provenance = provenance
    self.recipe = recipe
  }

  package var json: JSON {
    [
      "_type": "https://in-toto.io/Statement/v1",
      "subject": [Self.resource(description.file, description.fileDigest)],
      "predicateType": "https://slsa.dev/provenance/v1",
      "predicate": [
        "buildDefinition": [
          "buildType": .string(Self.buildType), "externalParameters": externalParameters,
          "internalParameters": internalParameters, "resolvedDependencies": .array(dependencies),
        ],
        "runDetails": [
          "builder": builder, "metadata": metadata, "byproducts": .array(byproducts),
        ],
      ],
    ]
  }

  /// The recipe as it was recorded, in which files are named by name and digest: an object, or a text if it is
  /// none. A file that was edited since is marked.
  private var externalParameters: JSON {
    let text = String(decoding: recipe.array, as: UTF8.self)
    return [
      "recipe": (try? JSON(parsing: recipe)) ?? .string(text),
      "edited_since_build": .bool(description.isEdited),
    ]
  }

  /// The kernels, the container's version, and the stages with their keys, digests of all that each depends on.
  private var internalParameters: JSON {
    [
      "kernel_class": .string(provenance.kernelClass),
      "container_version": .string(description.bundle.formatVersion),
      "stages": .array(
        provenance.stages.map { ["name": .string($0.name), "key": .string($0.key.hex)] }),
    ]
  }

  /// The program, the checkpoint's files, the recipe, and the texts, those that adapters name included.
  private var dependencies: [JSON] {
    var list: [JSON] = [
      [
        "uri": .string(ProgramVersion.packageURL(of: provenance.programVersion)), "name": "ctpack",
      ]
    ]
    for file in provenance.sourceFiles {
      var annotations: JSONObject = ["role": "checkpoint"]
      annotations["bytes"] = file.bytes.map { JSON($0) }
      list.append(Self.resource(file.name, file.sha256, annotations))
    }
    if let digest = provenance.recipe {
      list.append(Self.resource("recipe", digest, ["role": "recipe"]))
    }
    for data in description.data {
      list.append(Self.resource(data.name, data.sha256, ["roles": JSON(data.roles)]))
    }
    return list
  }

  private var builder: JSON {
    let version = provenance.programVersion
    return [
      "id": .string(description.statements.builder ?? ProgramVersion.packageURL(of: version)),
      "version": ["ctpack": .string(version)],
    ]
  }

  /// The build's identity: the key of its last stage, which follows from all inputs. Bundles hold no times.
  private var metadata: JSON {
    guard let last = provenance.stages.last else { return [:] }
    return ["invocationId": .string("\(last.name):\(last.key.hex)")]
  }

  /// The build's records inside the bundle, with what they say in short.
  private var byproducts: [JSON] {
    var list: [JSON] = []
    let records: [(SectionType, JSONObject)] = [
      (.ledger, ledger), (.evidence, evidence), (.events, [:]),
    ]
    for (type, annotations) in records {
      let name = ModelBundle.documentName(type)
      guard let section = description.bundle.section(type, named: name) else { continue }
      list.append(Self.resource(name, section.sha256, annotations))
    }
    return list
  }

  private var ledger: JSONObject {
    var methods = JSONObject()
    for method in description.methods { methods[method.name] = JSON(method.matrices) }
    var object: JSONObject = ["matrices_by_method": .object(methods)]
    object["calibration"] = description.ledger?["calibration"]
    return object
  }

  private var evidence: JSONObject {
    ["measurements": JSON(description.evidence.count)]
  }

  /// A resource descriptor; annotations are left out if there are none.
  private static func resource(
    _ name: String, _ digest: SHA256Digest, _ annotations: JSONObject = [:]
  ) -> JSON {
    var object: JSONObject = [
      "name": .string(name), "digest": ["sha256": .string(digest.hex)],
    ]
    if !annotations.isEmpty { object["annotations"] = .object(annotations) }
    return .object(object)
  }
}
