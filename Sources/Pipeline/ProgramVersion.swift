/// The version that `ctpack --version` prints and that provenance names.
package enum ProgramVersion {
  package static let current = "0.1.0"
}
