import Bytes
import Glibc

/// A folder of this process alone in $TMPDIR, for readers that take a path; each run overwrites the
/// same files. It is removed at exit, but not after a crash: `fuzz` gives a TMPDIR that it removes.
enum ScratchInput {
  static let folder: String = {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    let path = "\(parent)/ctpack-fuzz-\(getpid())"
    require(unsafe mkdir(path, 0o700) == 0, "\(path) can't be created")
    atexit { ScratchInput.remove() }
    return path
  }()

  /// The files that targets write.
  private static let names = [
    "input", "bundle.ctpack", "compact.ctpack", "model.gguf", "policy.yaml", "adapter_config.json",
    "adapter_model.safetensors", "task.yaml", "rows.jsonl", "labels.lst",
  ]

  /// Writes `bytes` to the file `name` and returns its path.
  static func write(_ bytes: [UInt8], _ name: String) -> String {
    let path = "\(folder)/\(name)"
    require(names.contains(name), "\(name) wouldn't be removed")
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    require(file >= 0, "\(path) can't be written")
    defer { close(file) }
    let written = unsafe bytes.withUnsafeBytes {
      unsafe Glibc.write(file, $0.baseAddress, $0.count)
    }
    require(written == bytes.count, "\(path) can't be written")
    return path
  }

  private static func remove() {
    for name in names { unsafe unlink("\(folder)/\(name)") }
    unsafe rmdir(folder)
  }
}
