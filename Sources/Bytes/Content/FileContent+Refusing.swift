/// Failures that say what a file is instead of what a reader expects, and what to do about it.
extension FileContent {
  /// A form that a reader expects of a file.
  public enum Expected: String, Sendable {
    case safetensors = "a safetensors file"
    case pyTorch = "a file written by torch.save"
    case gguf = "a GGUF file"
    case model = "a model"
    case bundle = "a bundle"
    case json = "JSON"
    case yaml = "YAML"
    case text = "text"

    /// Whether content of this kind is left to the reader, which reports its faults more precisely.
    func accepts(_ content: FileContent) -> Bool {
      switch (self, content) {
      case (.safetensors, .safetensors), (.pyTorch, .zip), (.pyTorch, .pickle), (.gguf, .gguf),
        (.bundle, .bundle), (_, .other):
        true
      case (.json, .json), (.json, .text), (.yaml, .json), (.yaml, .text), (.text, .json),
        (.text, .text), (.text, .xml), (.text, .empty):
        true
      default: false
      }
    }
  }

  /// Checks that the content of `file` isn't of a known kind other than the expected one.
  ///
  /// - Throws: `invalidData` that names both kinds and the next step.
  public static func expect(
    _ expected: Expected, in bytes: ByteSlice, file: String?
  ) throws(Failure) {
    let content = FileContent(of: bytes)
    if expected.accepts(content) { return }
    // A page of HTML may be the text that is wanted, if its name says so.
    if expected == .text, content == .html, let file,
      [".html", ".htm"].contains(where: { file.lowercased().hasSuffix($0) })
    {
      return
    }
    throw Failure(
      .invalidData, file: file, "is \(content.words), not \(expected.rawValue)",
      advice: content.advice(for: expected))
  }

  /// The kind of content in words, with an article.
  public var words: String {
    switch self {
    case .empty: "an empty file"
    case .gitLFSPointer(let size):
      "a git-lfs pointer" + (size.map { " to a file of \($0) bytes" } ?? "")
    case .html: "an HTML page"
    case .xml: "an XML document"
    case .gzip: "compressed with gzip"
    case .bzip2: "compressed with bzip2"
    case .xz: "compressed with xz"
    case .zstandard: "compressed with zstd"
    case .lz4: "compressed with lz4"
    case .sevenZip: "a 7-Zip archive"
    case .tar: "a tar archive"
    case .parquet: "a Parquet file"
    case .arrow: "an Arrow file"
    case .hdf5: "an HDF5 file"
    case .numpy: "a NumPy array"
    case .sqlite: "an SQLite database"
    case .pdf: "a PDF"
    case .zip: "a zip archive"
    case .pickle: "a Python pickle"
    case .gguf: "a GGUF file"
    case .ggml: "a GGML file, from before GGUF"
    case .safetensors: "a safetensors file"
    case .bundle: "a ctpack bundle"
    case .utf16: "UTF-16 text"
    case .utf32: "UTF-32 text"
    case .json: "JSON text"
    case .text(let beginning): "a text that begins with \"\(Self.printable(beginning))\""
    case .other: "of an unknown kind"
    }
  }

  /// The next step for somebody who gave content of this kind in place of the expected one.
  private func advice(for expected: Expected) -> String {
    switch self {
    case .empty: "fetch or write the file again"
    case .gitLFSPointer: "fetch the file itself with `git lfs pull`"
    case .html, .xml:
      "a download returned a page instead of the file; fetch it again from its raw address"
    case .gzip: "decompress it first (gunzip)"
    case .bzip2: "decompress it first (bunzip2)"
    case .xz: "decompress it first (unxz)"
    case .zstandard: "decompress it first (unzstd)"
    case .lz4: "decompress it first (unlz4)"
    case .sevenZip: "extract it first and give a file of it"
    case .tar: "extract it first (tar -xf) and give a file of it"
    case .parquet, .arrow, .hdf5, .numpy, .sqlite, .pdf:
      expected == .text
        ? "export its text as UTF-8 text or as JSON lines {\"text\": …}"
        : "fetch the file again, or check its name"
    case .zip, .pickle:
      switch expected {
      case .safetensors:
        "if torch.save wrote it, give it a name that ends in .bin; otherwise fetch the file again"
      case .text, .json, .yaml: "extract it first (unzip) and give a file of it"
      default: "fetch the file again, or check its name"
      }
    case .ggml: "fetch the model as a GGUF file, or convert it"
    case .gguf:
      expected == .pyTorch || expected == .safetensors
        ? "give the GGUF file itself as the model" : "give it where a model is expected"
    case .safetensors:
      expected == .pyTorch
        ? "give it a name that ends in .safetensors"
        : "give the folder that contains it and its config.json"
    case .bundle: "give it where a bundle is expected"
    case .utf16: "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"
    case .utf32: "convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)"
    case .json, .text, .other:
      "fetch the file again; a download may have returned a message instead"
    }
  }

  /// The text without control characters, for a message.
  private static func printable(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map {
          [
            .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator,
          ].contains($0.properties.generalCategory) ? "?" : $0
        }))
  }
}

extension JSON {
  /// Reads the JSON file at `path`, without a byte-order mark at its beginning.
  ///
  /// - Throws: `inputMissing`; `invalidData` naming the kind of file if it isn't JSON text, or the
  ///   offset of the first invalid byte.
  public init(reading path: String) throws(Failure) {
    let bytes = try MappedFile(path: path).bytes
    try FileContent.expect(.json, in: bytes, file: path)
    try self.init(parsing: bytes.withoutByteOrderMark, file: path)
  }
}
