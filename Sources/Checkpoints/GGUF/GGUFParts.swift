import Bytes

/// The files of a model that llama.cpp's gguf-split wrote: `NAME-00001-of-00003.gguf` and so on. The
/// first has all metadata; each has a part of the tensors, its number `split.no` from 0, and
/// `split.count` and `split.tensors.count` of the whole.
struct GGUFParts {
  /// The paths of all parts in order; of a model in one file, that file.
  let paths: [String]
  private let opened: GGUFFile
  /// The number of the opened file, from 0.
  private let number: Int

  /// Finds the other parts of `file`, whichever part it is.
  ///
  /// - Throws: `invalidData` if the file's name isn't that of its part.
  init(of file: GGUFFile) throws(Failure) {
    opened = file
    let count = try file.metadata.integer("split.count", in: 0...Self.limit) ?? 1
    guard count > 1 else {
      (number, paths) = (0, [file.path])
      return
    }
    let number = try file.metadata.integer("split.no", in: 0...count - 1) ?? 0
    self.number = number
    let suffix = Self.suffix(number, count)
    guard file.path.hasSuffix(suffix) else {
      throw file.metadata.failure(
        "split.count", "the file is part \(number + 1) of \(count), but its name doesn't say so",
        advice: "give all parts the names NAME\(Self.suffix(0, count)) to NAME"
          + "\(Self.suffix(count - 1, count)), or join them (llama-gguf-split --merge)")
    }
    let stem = file.path.dropLast(suffix.count)
    paths = (0..<count).map { stem + Self.suffix($0, count) }
  }

  /// The most parts that the names can number.
  private static let limit = 99_999

  private static func suffix(_ number: Int, _ count: Int) -> String {
    func digits(_ value: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "-\(digits(number + 1))-of-\(digits(count)).gguf"
  }

  /// The first part.
  ///
  /// - Throws: `inputMissing` if it isn't there.
  func first() throws(Failure) -> GGUFFile { try part(0) }

  private func part(_ index: Int) throws(Failure) -> GGUFFile {
    if index == number { return opened }
    let path = paths[index]
    guard Checkpoint.exists(path) else {
      throw Failure(
        .inputMissing, file: path,
        "is missing: \(PathNames.last(opened.path).quoted) is part \(number + 1) of \(paths.count)",
        advice: "fetch all parts into one folder")
    }
    let file = try MappedFile(path: path)
    try FileContent.expect(.gguf, in: file.bytes, file: path)
    let part = try GGUFFile(mapping: file)
    for (key, expected) in [("split.no", index), ("split.count", paths.count)] {
      let found = try part.metadata.integer(key, in: 0...Self.limit)
      guard found == expected else {
        throw part.metadata.failure(
          key, "is \(found.map(String.init) ?? "missing"); the name says \(expected)",
          advice: "the parts are of different models; fetch them again")
      }
    }
    return part
  }

  /// The whole model: the opened file itself if it isn't split.
  ///
  /// - Throws: `inputMissing` if a part isn't there, `invalidData` if the parts don't fit together.
  func joined() throws(Failure) -> GGUFFile {
    if paths.count == 1 { return opened }
    let first = try first()
    var tensors = first.tensors
    for index in 1..<paths.count {
      let part = try part(index)
      for (name, entry) in part.tensors where tensors.updateValue(entry, forKey: name) != nil {
        throw Failure(
          .invalidData, file: part.path, at: "tensor \(name.quoted)", "is in an earlier part, too")
      }
    }
    let total = try first.metadata.integer("split.tensors.count", in: 0...1 << 18)
    if let total, total != tensors.count {
      throw first.metadata.failure(
        "split.tensors.count", "is \(total), but the parts hold \(tensors.count) tensors",
        advice: "fetch the parts again")
    }
    return GGUFFile(first: first, tensors: tensors)
  }

  /// The GGUF file of a folder, the first part of a split one; nil if it has none. Files of image
  /// encoders ("mmproj…"), which accompany some models, don't count.
  ///
  /// - Throws: `invalidData` naming the files if there are several models.
  static func only(in folder: String) throws(Failure) -> String? {
    let names = try Folder.names(in: folder).filter {
      $0.hasSuffix(".gguf") && !$0.hasPrefix("mmproj") && !$0.hasPrefix(".")
    }.sorted()
    let models = Set(names.map(stem))
    guard models.count <= 1 else {
      let shown = names.prefix(5).map(\.quoted).joined(separator: ", ")
      throw Failure(
        .invalidData, file: folder,
        "holds several GGUF models: \(shown)" + (names.count > 5 ? " and more" : ""),
        advice: "give one of the files")
    }
    return names.first.map { "\(folder)/\($0)" }
  }

  /// The name without the number of a part: "model" of "model-00002-of-00003.gguf".
  private static func stem(_ name: String) -> String {
    let parts = name.dropLast(".gguf".count).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count > 3, parts[parts.count - 2] == "of",
      [parts[parts.count - 1], parts[parts.count - 3]].allSatisfy({
        $0.count == 5 && $0.allSatisfy(\.isNumber)
      })
    else { return name }
    return parts.dropLast(3).joined(separator: "-")
  }
}
