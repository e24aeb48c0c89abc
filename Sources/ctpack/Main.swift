import Commands

/// The executable's entry point.
@main struct Main {
  static func main() { CommandLineTool.main() }
}
