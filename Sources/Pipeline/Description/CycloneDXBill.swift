import BundleFormat
import Bytes

/// A bill of materials for a bundle, CycloneDX 1.6 in JSON (an ML-BOM): the model with its model card, what it was
/// made from, and the texts that were used. https://cyclonedx.org/docs/1.6/json
package struct CycloneDXBill {
  let description: BundleDescription

  package init(_ description: BundleDescription) { self.description = description }

  /// The whole document. Its serial number follows from its content, and there is no time in it.
  package var json: JSON {
    var document: JSONObject = [
      "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX",
      "specVersion": "1.6", "version": 1,
      "metadata": [
        "tools": ["components": [Self.tool]], "component": model,
      ],
      "components": .array(data),
      "dependencies": .array(dependencies),
    ]
    document["serialNumber"] = .string(Self.serialNumber(of: .object(document)))
    return .object(document)
  }

  /// `urn:uuid:` and a UUID made of the digest of the document's canonical text, marked as version 4.
  static func serialNumber(of document: JSON) -> String {
    var bytes = Array(SHA256Digest(hashing: document.canonicalBytes).bytes.prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let digits = Hexadecimal.encode(bytes)
    var (parts, rest) = ([String](), Substring(digits))
    for length in [8, 4, 4, 4, 12] {
      parts.append(String(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return "urn:uuid:" + parts.joined(separator: "-")
  }

  private var bundle: ModelBundle { description.bundle }

  /// The program that writes the document.
  private static let tool: JSON = [
    "type": "application", "bom-ref": .string(ProgramVersion.packageURL), "name": "ctpack",
    "version": .string(ProgramVersion.current), "purl": .string(ProgramVersion.packageURL),
  ]

  private var modelReference: String { "model:\(bundle.canonicalDigest.hex)" }

  /// The bundle itself.
  private var model: JSON {
    var object: JSONObject = [
      "type": "machine-learning-model", "bom-ref": .string(modelReference),
      "name": .string(description.title), "version": .string(bundle.canonicalDigest.hex),
      "description": .string(
        "\(description.baseModel ?? "A language model") compressed with ctpack, "
          + "\(Figure.fixed(bundle.bitsPerWeight, 2)) bits per weight"),
      "hashes": Self.hashes(description.fileDigest),
    ]
    object["licenses"] = licences
    if let ancestor { object["pedigree"] = ["ancestors": [ancestor]] }
    if !parts.isEmpty { object["components"] = .array(parts) }
    object["modelCard"] = modelCard
    object["properties"] = .array(properties)
    return .object(object)
  }

  private var licences: JSON? {
    if let stated = description.statements.licence { return [["expression": .string(stated)]] }
    guard let text = description.licenceText else { return nil }
    return [
      [
        "license": [
          "name": "the licence text in the file",
          "text": ["contentType": "text/plain", "content": .string(text)],
        ]
      ]
    ]
  }

  /// The base model, with the files of its checkpoint; nil if it isn't recorded.
  private var ancestor: JSON? {
    guard let provenance = description.provenance else { return nil }
    var object: JSONObject = [
      "type": "machine-learning-model",
      "bom-ref": .string("base-model:\(provenance.baseModel.hex)"),
      "name": .string(description.baseModel ?? "base model"),
      "properties": [Self.property("ctpack:weights-digest", provenance.baseModel.hex)],
    ]
    let files = provenance.sourceFiles.enumerated().map { index, file -> JSON in
      var entry: JSONObject = [
        "type": "file", "bom-ref": .string("checkpoint:\(index):\(file.sha256.hex)"),
        "name": .string(file.name), "hashes": Self.hashes(file.sha256),
      ]
      if let bytes = file.bytes {
        entry["properties"] = [Self.property("ctpack:bytes", String(bytes))]
      }
      return .object(entry)
    }
    if !files.isEmpty { object["components"] = .array(files) }
    return .object(object)
  }

  /// The adapters in the bundle, each with the digest of its values.
  private var parts: [JSON] {
    bundle.sections.filter { $0.type == .prompt || $0.type == .adapter }.map { section in
      let adapter = description.adapters.first { $0.name == section.name }
      return [
        "type": "data", "bom-ref": .string("adapter:\(section.name)"),
        "name": .string(section.name),
        "description": .string(adapter?.shape.label ?? "an adapter"),
        "hashes": Self.hashes(section.sha256), "data": [["type": "other"]],
        "properties": [
          Self.property("ctpack:kind", adapter?.shape.kind.rawValue ?? "unknown"),
          Self.property("ctpack:unvalidated", adapter?.unvalidated == true ? "true" : "false"),
        ],
      ]
    }
  }

  /// The texts that were used.
  private var data: [JSON] {
    description.data.enumerated().map { index, data in
      [
        "type": "data", "bom-ref": .string(Self.reference(index, data)),
        "name": .string(data.name), "hashes": Self.hashes(data.sha256),
        "data": [["type": "dataset", "name": .string(data.name)]],
        "properties": .array(data.roles.map { Self.property("ctpack:role", $0) }),
      ]
    }
  }

  /// A reference that is another's in no case: two texts may have the same content.
  static func reference(_ index: Int, _ data: BundleDescription.DataSet) -> String {
    "data:\(index):\(data.sha256.hex)"
  }

  var dataReferences: [String] {
    description.data.enumerated().map { Self.reference($0.offset, $0.element) }
  }

  private var dependencies: [JSON] {
    var list: [JSON] = [
      ["ref": .string(modelReference), "dependsOn": JSON(dataReferences)]
    ]
    for reference in dataReferences { list.append(["ref": .string(reference)]) }
    return list
  }

  /// Facts that have no place of their own in the schema, as named properties.
  private var properties: [JSON] {
    var list = [
      Self.property("ctpack:content-digest", bundle.canonicalDigest.hex),
      Self.property("ctpack:weights-digest", bundle.weightsDigest.hex),
      Self.property("ctpack:container-version", bundle.formatVersion),
      Self.property("ctpack:bytes", String(bundle.fileBytes)),
      Self.property("ctpack:parameters", String(bundle.parameters)),
    ]
    guard let provenance = description.provenance else { return list }
    list += [
      Self.property("ctpack:built-by", "ctpack \(provenance.programVersion)"),
      Self.property("ctpack:kernels", provenance.kernelClass),
    ]
    if let recipe = provenance.recipe { list.append(Self.property("ctpack:recipe", recipe.hex)) }
    return list
      + provenance.stages.map { Self.property("ctpack:stage:\($0.name)", $0.key.hex) }
  }

  static func property(_ name: String, _ value: String) -> JSON {
    ["name": .string(name), "value": .string(value)]
  }

  private static func hashes(_ digest: SHA256Digest) -> JSON {
    [["alg": "SHA-256", "content": .string(digest.hex)]]
  }
}
