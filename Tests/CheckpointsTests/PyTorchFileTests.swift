import Bytes
import Checkpoints
import Foundation
import Testing

/// Files of torch.save: valid ones are read as in torch, everything else is refused by name and
/// place.
@Suite struct PyTorchFileTests {
  @Test(arguments: ["views.bin", "views.protocol4.bin", "views.zip64.bin"])
  func readsViewsOfEveryKind(_ name: String) throws {
    let file = try PyTorchFile(path: Golden.path(name))
    let expected = try SafetensorsFile(path: Golden.path("views.safetensors")).entries
    #expect(Set(file.entries.keys) == Set(expected.keys))
    for (key, entry) in expected {
      let found = try #require(file.entries[key])
      #expect(found.type == entry.type && found.shape == entry.shape, "\(key)")
      #expect(found.bytes.array == entry.bytes.array, "\(key)")
    }
  }

  /// Views in row-major order are views of the mapped file, even if they share a storage.
  @Test func plainViewsAreNotCopied() throws {
    let bytes = ByteSlice(try Golden.bytes("views.bin"))
    let file = try PyTorchFile(bytes: bytes, path: "views.bin")
    func address(_ slice: ByteSlice) -> UInt {
      unsafe slice.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    }
    let inside = address(bytes)..<address(bytes) + UInt(bytes.count)
    for name in ["whole", "rows", "row", "one", "half", "parameter"] {
      #expect(inside.contains(address(try #require(file.entries[name]).bytes)), "\(name)")
    }
    let (whole, rows) = (try #require(file.entries["whole"]), try #require(file.entries["rows"]))
    #expect(address(rows.bytes) == address(whole.bytes) + 24)
    #expect(!inside.contains(address(try #require(file.entries["transposed"]).bytes)))
  }

  @Test func theLegacyFormatIsRefusedWithAdvice() throws {
    expectFailure(.invalidData, "views.legacy.bin", "before PyTorch 1.6", "torch.load") {
      _ = try PyTorchFile(path: Golden.path("views.legacy.bin"))
    }
    expectFailure(.invalidData, "is a safetensors file, not a file written by torch.save") {
      _ = try PyTorchFile(path: Golden.path("views.safetensors"))
    }
    expectFailure(.invalidData, "isn't a zip archive") {
      _ = try PyTorchFile(bytes: ByteSlice([]), path: "empty.bin")
    }
  }

  private func refuse(_ pickle: [UInt8], _ parts: String...) {
    do {
      _ = try PyTorchFile(bytes: ZipBuilder.file(pickle: pickle), path: "model.bin")
      Issue.record("nothing was refused: \(parts)")
    } catch {
      #expect(error.kind == .invalidData && error.file == "model.bin", "\(error)")
      for part in parts { #expect(error.description.contains(part), "\(part): \(error)") }
    }
  }

  /// A valid hand-written pickle; the tests below each change one part of it.
  @Test func aHandWrittenPickleIsRead() throws {
    let pickle = Opcode.stateDict(
      Opcode.tensor(
        offset: Opcode.long(1), shape: Opcode.tuple([2, 2]), strides: Opcode.tuple([1, 3]),
        metadata: Array("}".utf8)))
    let file = try PyTorchFile(bytes: ZipBuilder.file(pickle: pickle), path: "model.bin")
    let entry = try #require(file.entries["w"])
    #expect(entry.shape == [2, 2] && entry.type == .f32)
    #expect(entry.bytes.floats() == [1, 4, 2, 5])
  }

  @Test(arguments: [
    "os.system", "builtins.eval", "posix.system", "torch.load", "torch.storage._load_from_bytes",
    "torch._utils._rebuild_tensor", "collections.Counter", "numpy.core.multiarray._reconstruct",
  ]) func otherGlobalsAreRefusedByName(_ name: String) {
    let call = Opcode.global(name) + Opcode.tuple([Opcode.text("echo")]) + Opcode.call
    refuse(
      Opcode.stateDict(call), "\"\(name)\"", "archive/data.pkl, byte 10", "nothing in the file")
    let parts = name.split(separator: ".")
    let stacked =
      Opcode.text(parts.dropLast().joined(separator: ".")) + Opcode.text(String(parts.last ?? ""))
    refuse(Opcode.stateDict(stacked + [0x93]), "\"\(name)\"")
  }

  @Test(arguments: [
    "o", "i", "P", "0", "1", "2", "F", "I", "L", "S", "T", "U", "V", "d", "l", "p", "g", "\u{8F}",
    "\u{90}", "\u{81}", "\u{82}", "\u{92}", "\u{8B}", "\u{8D}", "\u{96}", "\u{00}", "\u{FF}",
  ]) func otherOpcodesAreRefusedWithTheirPlace(_ text: String) throws {
    let code = try #require(text.unicodeScalars.first).value
    let hex = String(code, radix: 16, uppercase: true)
    refuse(Opcode.start + [UInt8(code)], "opcode 0x\(hex) ", "data.pkl, byte 2")
  }

  @Test func picklesOtherThanStateDictsAreRefused() {
    let (shape, strides) = (Opcode.tuple([6]), Opcode.tuple([1]))
    let tensor = Opcode.tensor(shape: shape, strides: strides)
    refuse(Opcode.start + tensor + Array(".".utf8), "holds a tensor, not a state dict")
    refuse(Opcode.stateDict(Opcode.integer(7)), "key \"w\"", "is an integer, not a tensor")
    refuse(Opcode.stateDict(Array("}".utf8)), "is a dictionary, not a tensor", "state_dict alone")
    refuse(
      Opcode.stateDict(tensor, key: Opcode.integer(3)), "a key of the state dict is an integer")
    refuse(
      Opcode.stateDict(tensor + Opcode.text("w") + tensor), "tensor \"w\"", "appears twice")
    refuse(Opcode.start, "ends without a stop")
    refuse([], "byte 0", "ends without a stop")
    refuse(Opcode.start + Array(".".utf8), "empty stack")
  }

  @Test func tensorsBeyondTheirStorageAreRefused() {
    let huge = Opcode.long(.max)
    func tensor(
      of storage: [UInt8] = Opcode.storage(), offset: [UInt8] = Opcode.integer(0), _ shape: [UInt8],
      _ strides: [UInt8]
    ) -> [UInt8] {
      Opcode.stateDict(Opcode.tensor(storage, offset: offset, shape: shape, strides: strides))
    }
    let (six, one) = (Opcode.tuple([6]), Opcode.tuple([1]))
    refuse(tensor(offset: Opcode.integer(1), six, one), "\"w\"", "beyond its storage of 6")
    refuse(tensor(offset: huge, six, one), "beyond its storage")
    refuse(tensor(six, Opcode.tuple([2])), "beyond its storage")
    refuse(tensor(six, Opcode.tuple([huge])), "beyond its storage")
    refuse(tensor(Opcode.tuple([huge, huge]), Opcode.tuple([1, 1])), "beyond its storage")
    // A memory bomb: 2⁶² elements of one value.
    refuse(tensor(Opcode.tuple([7]), Opcode.tuple([0])), "or repeats some")
    refuse(
      tensor(Opcode.tuple([Opcode.long(1 << 31), Opcode.long(1 << 31)]), Opcode.tuple([0, 0])),
      "repeats some")
    refuse(tensor(Opcode.tuple([-1]), one), "a non-negative integer")
    refuse(tensor(offset: Opcode.integer(-1), one, one), "a non-negative integer")
    refuse(tensor(six, Opcode.tuple([1, 1])), "1 dimensions with 2 strides")
    refuse(tensor(of: Opcode.storage(count: 7), six, one), "should hold 7 values", "24 bytes")
    refuse(tensor(of: Opcode.storage("DoubleStorage"), six, one), "should hold 6 values of F64")
    refuse(tensor(of: Opcode.storage(key: "../1"), six, one), "\"../1\" isn't in the archive")
    refuse(
      Opcode.stateDict(Opcode.tensor(shape: six, strides: one, metadata: Opcode.text("conj"))),
      "metadata")
  }

  /// Structures that would exhaust a recursive reader: cycles, deep nesting, exponential
  /// references.
  @Test(.timeLimit(.minutes(5))) func cyclicAndDeepStructuresDoNoHarm() {
    // A list that contains itself, and a dictionary that is its own value.
    refuse(Opcode.start + Array("]q\u{0}h\u{0}a.".utf8), "holds a list")
    refuse(
      Opcode.stateDict(Array("}q\u{0}".utf8) + Opcode.text("w") + Array("h\u{0}s".utf8)), "dict")
    let deep = Opcode.start + [UInt8](repeating: UInt8(ascii: "("), count: 2_000_000)
    refuse(deep, "ends without a stop")
    // Each opcode makes a value, so that a long file is refused for the memory of its values.
    for (count, words) in [(20_000, "holds a tuple"), (2_000_000, "of memory, the limit")] {
      let nested = Array(")".utf8) + [UInt8](repeating: 0x85, count: count)
      refuse(Opcode.start + nested + Array(".".utf8), words)
    }
    // Every tuple contains the previous one twice: 2^100,000 leaves if they were counted.
    var doubled = Opcode.start + Array(")q\u{0}".utf8)
    for _ in 0..<100_000 { doubled += Array("h\u{0}h\u{0}".utf8) + [0x86] + Array("q\u{0}".utf8) }
    refuse(doubled + Array(".".utf8), "holds a tuple")
    // A dictionary set entry by entry must not be copied each time.
    for (count, words) in [
      (20_000, "a key of the state dict is None"), (500_000, "of memory, the limit"),
    ] {
      var slow = Opcode.start + Array("}".utf8)
      for _ in 0..<count { slow += Array("NNs".utf8) }
      refuse(slow + Array(".".utf8), words)
    }
    refuse([UInt8](repeating: 0, count: 17 << 20), "at most")
  }

  @Test func malformedArchivesAreRefused() throws {
    func refuse(_ finding: String, _ build: (inout ZipBuilder) -> Void) {
      var zip = ZipBuilder()
      build(&zip)
      expectFailure(.invalidData, "model.bin", finding) {
        _ = try PyTorchFile(bytes: ByteSlice(zip.archive()), path: "model.bin")
      }
    }
    let empty = Opcode.start + Array("}.".utf8)
    refuse("0 entries NAME/data.pkl") { $0.add("archive/version", [51]) }
    refuse("2 entries NAME/data.pkl") {
      $0.add("a/data.pkl", empty)
      $0.add("b/data.pkl", empty)
    }
    refuse("\"a/data.pkl\" appears twice") {
      $0.add("a/data.pkl", empty)
      $0.add("a/data.pkl", empty)
    }
    refuse("compressed or encrypted") { $0.add("a/data.pkl", empty, method: 8) }
    refuse("compressed or encrypted") { $0.add("a/data.pkl", empty, flags: 1) }
    refuse("aren't little-endian") {
      $0.add("a/data.pkl", empty)
      $0.add("a/byteorder", Array("big".utf8))
    }
    let whole = try Golden.bytes("views.bin")
    for count in [4, 100, whole.count / 2, whole.count - 1] {
      expectFailure(.invalidData, "model.bin", "end of a zip archive is missing", "fetch it again")
      {
        _ = try PyTorchFile(bytes: ByteSlice(Array(whole[..<count])), path: "model.bin")
      }
    }
    // A comment after the end record is part of the format.
    let commented = Array(whole.dropLast(2)) + [3, 0, 1, 2, 3]
    #expect(try PyTorchFile(bytes: ByteSlice(commented), path: "model.bin").entries.count == 22)
  }
}
