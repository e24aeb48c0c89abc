import BundleFormat
import Bytes

/// The sections that a repeated build made, beside those of a bundle. What was added to the bundle
/// since its build (prompts, measurements) and its signatures are told apart from differences.
package struct ReproducedContent: Sendable {
  /// A section that isn't the same in both.
  package struct Difference: Sendable, Equatable {
    /// The section's type and name.
    package let section: String
    /// The stage whose output the section holds.
    package let stage: String
    /// The difference, as a clause.
    package let finding: String
  }

  /// A digest of a part of the content, or of all.
  package struct Digests: Sendable, Equatable {
    package let part: String
    package let recorded: SHA256Digest
    package let rebuilt: SHA256Digest
  }

  package let digests: [Digests]
  package let differences: [Difference]
  /// The sections added since the build, by type and name.
  package let added: [String]

  init(_ bundle: ModelBundle, _ rebuilt: ModelBundle) throws(Failure) {
    digests =
      [
        Digests(
          part: "whole", recorded: bundle.canonicalDigest, rebuilt: rebuilt.canonicalDigest),
        Digests(
          part: "tensors", recorded: bundle.weightsDigest, rebuilt: rebuilt.weightsDigest),
      ]
      + ContentTree.allCases.map {
        Digests(
          part: "tree of \($0.rawValue)", recorded: bundle.root(of: $0),
          rebuilt: rebuilt.root(of: $0))
      }
    var own: [Place: Section] = [:]
    for section in bundle.sections where section.type != .signature {
      own[Place(section)] = section
    }
    var (differences, added) = ([Difference](), [String]())
    for section in rebuilt.sections {
      guard let there = own.removeValue(forKey: Place(section)) else {
        differences.append(Difference(section, "is in the build, but not in the bundle"))
        continue
      }
      guard let finding = Self.difference(there, section) else { continue }
      if section.type == .evidence,
        let more = try Self.measurements(of: bundle, beyond: rebuilt)
      {
        added.append("\(more) measurements")
      } else {
        differences.append(Difference(section, finding))
      }
    }
    for section in own.values.sorted(by: { $0.label < $1.label }) {
      if let type = section.type, Self.addable.contains(type) {
        added.append(section.label)
      } else {
        differences.append(Difference(section, "is in the bundle, but not in the build"))
      }
    }
    self.differences = differences
    self.added = added
  }

  /// The types of sections that commands add to a finished bundle.
  private static let addable: [SectionType] = [
    .prompt, .adapter, .promptKeyValues, .promptRoutingKey, .licence,
  ]

  /// A section's type and name.
  private struct Place: Hashable {
    let type: UInt16
    let name: [UInt8]

    init(_ section: Section) {
      type = section.typeID
      name = Array(section.name.utf8)
    }
  }

  /// The difference between two sections of one type and name, as a clause; nil if their content is
  /// the same.
  private static func difference(_ a: Section, _ b: Section) -> String? {
    if a.sha256 != b.sha256 || a.rawSize != b.rawSize || a.layoutID != b.layoutID {
      return "differs"
    }
    if a.attributes["made_by"] != b.attributes["made_by"] {
      return "has the same numbers, from a stage with another key"
    }
    return a.attributes == b.attributes && a.flags == b.flags ? nil : "has other attributes"
  }

  /// How many measurements the bundle has beyond those of the build; nil unless it has all of those.
  private static func measurements(
    of bundle: ModelBundle, beyond rebuilt: ModelBundle
  ) throws(Failure) -> Int? {
    var there = try bundle.evidence.map(\.json)
    for record in try rebuilt.evidence {
      guard let index = there.firstIndex(of: record.json) else { return nil }
      there.remove(at: index)
    }
    return there.isEmpty ? nil : there.count
  }
}

extension ReproducedContent.Difference {
  fileprivate init(_ section: Section, _ finding: String) {
    self.section = section.label
    self.finding = finding
    stage =
      switch section.type {
      case .tokenizer, .modelConfiguration: ImportStage.name
      case .prompt, .adapter: PromptOutputs.stage
      case .evidence: VerifyStage.name
      case .tensorDense, .tensorCodes, .tensorScales, .tensorZeros, .tensorMask, .tensorIndex,
        .events, .ledger:
        CompressStage.name
      default: PackageStage.name
      }
  }
}
