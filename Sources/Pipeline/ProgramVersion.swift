/// The version that `ctpack --version` prints and that provenance names.
public enum ProgramVersion {
  public static let current = "0.1.0"
}
