import Bytes

/// The first 64 bytes, written once and never changed.
///
///     0  8  magic 89 43 54 50 4B 0D 0A 1A
///     8  2  major version        10  2  minor version
///    12  4  header size (64)
///    16  8  flags needed to read    24  8  flags needed to write
///    32 16  zero
///    48 16  XXH3-128 of bytes 0 to 47, canonical (big-endian) order
struct Header: Equatable {
  var minorVersion = ContainerLayout.minorVersion
  var readFlags: UInt64 = 0
  var writeFlags: UInt64 = 0

  var bytes: [UInt8] {
    var bytes = ContainerLayout.magic
    bytes.append(littleEndian: ContainerLayout.majorVersion)
    bytes.append(littleEndian: minorVersion)
    bytes.append(littleEndian: UInt32(ContainerLayout.headerSize))
    bytes.append(littleEndian: readFlags)
    bytes.append(littleEndian: writeFlags)
    bytes.append(contentsOf: repeatElement(0, count: 16))
    bytes.append(contentsOf: XXH3Digest(hashing: bytes).bytes)
    return bytes
  }

  var digest: XXH3Digest { XXH3Digest(hashing: bytes) }

  init() {}

  /// `bytes` begins where the file begins. The hash is checked before anything else but magic and
  /// version.
  init(parsing bytes: ByteSlice, file: String) throws(Failure) {
    func invalid(_ place: String, _ finding: String, _ advice: String? = nil) -> Failure {
      Failure(.invalidData, file: file, at: place, finding, advice: advice)
    }
    guard let magic = bytes.slice(0..<8), magic.array == ContainerLayout.magic else {
      throw invalid("byte 0", "not a ctpack bundle: the first eight bytes are something else")
    }
    guard let header = bytes.slice(0..<ContainerLayout.headerSize),
      let major = header.integer(at: 8, as: UInt16.self),
      let minor = header.integer(at: 10, as: UInt16.self),
      let size = header.integer(at: 12, as: UInt32.self),
      let read = header.integer(at: 16, as: UInt64.self),
      let write = header.integer(at: 24, as: UInt64.self),
      let reserved = header.slice(32..<48), let covered = header.slice(0..<48),
      let stored = header.slice(48..<64)
    else { throw invalid("byte \(bytes.count)", "the file ends inside the header") }
    guard XXH3Digest(hashing: covered).bytes == stored.array else {
      throw Failure(
        .invalidData, file: file, at: "header", "its hash doesn't match its bytes",
        advice: "recover what is intact into a new bundle", reason: .bundleDamaged)
    }
    guard major == ContainerLayout.majorVersion else {
      throw invalid(
        "header", "container version \(major).\(minor), this program reads version 1",
        "use a newer ctpack")
    }
    guard size == ContainerLayout.headerSize else {
      throw invalid("header", "header size \(size), not 64")
    }
    guard read == 0 else {
      throw invalid(
        "header",
        "needs feature \(read.trailingZeroBitCount) to be read, which this program doesn't know",
        "use a newer ctpack")
    }
    guard reserved.array.allSatisfy({ $0 == 0 }) else {
      throw invalid("header", "reserved bytes aren't zero")
    }
    minorVersion = minor
    readFlags = read
    writeFlags = write
  }
}
