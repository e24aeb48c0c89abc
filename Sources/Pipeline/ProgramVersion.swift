/// The program's version, printed by `ctpack --version` and recorded in provenance.
package enum ProgramVersion {
  package static let current = "0.1.0"
}
