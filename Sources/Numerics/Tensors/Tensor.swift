import Bytes

/// A float32 array in row-major order with reference semantics: two variables may refer to the same
/// values. Owned memory is aligned to 64 bytes.
///
/// Reading from several threads is safe. Writing is safe as long as no other thread reads or writes
/// the same elements; the kernels of this module partition their outputs accordingly.
@safe package final class Tensor: @unchecked Sendable {
  /// Extents, outermost first; none is negative. An empty shape means one scalar.
  package let shape: [Int]
  /// The number of values.
  package let count: Int
  /// Whether writing is forbidden, as for values of a mapped file.
  package let isReadOnly: Bool
  private let owner: AnyObject
  /// The first value. The tensor must outlive the pointer's use.
  package let pointer: UnsafeMutablePointer<Float>

  private init(
    shape: [Int], pointer: UnsafeMutablePointer<Float>, owner: AnyObject, readOnly: Bool
  ) {
    self.shape = shape
    self.count = shape.reduce(1, *)
    unsafe self.pointer = pointer
    self.owner = owner
    self.isReadOnly = readOnly
  }

  /// Creates a tensor of zeros.
  package convenience init(_ shape: [Int]) {
    let storage = FloatStorage(count: Tensor.elements(of: shape), zeroed: true)
    unsafe self.init(shape: shape, pointer: storage.pointer, owner: storage, readOnly: false)
  }

  /// Creates a tensor with arbitrary content, for a kernel that writes every element.
  package convenience init(uninitialized shape: [Int]) {
    let storage = FloatStorage(count: Tensor.elements(of: shape), zeroed: false)
    unsafe self.init(shape: shape, pointer: storage.pointer, owner: storage, readOnly: false)
  }

  /// Creates a tensor from `values` in row-major order; their count must be the shape's product.
  package convenience init(_ shape: [Int], _ values: [Float]) {
    self.init(uninitialized: shape)
    precondition(values.count == count, "\(values.count) values for shape \(shape)")
    unsafe values.withUnsafeBufferPointer { source in
      guard let first = source.baseAddress else { return }
      unsafe pointer.update(from: first, count: count)
    }
  }

  /// Creates a read-only tensor over little-endian float32 `bytes` without copying them. They are
  /// copied only if they don't start at a multiple of four bytes.
  package convenience init(mapping bytes: ByteSlice, shape: [Int]) {
    let count = Tensor.elements(of: shape)
    precondition(bytes.count == count * 4, "\(bytes.count) bytes for shape \(shape)")
    if bytes.isAligned(to: 4) {
      let base = unsafe bytes.withUnsafeBytes { $0.baseAddress }
      let address = unsafe base ?? UnsafeRawPointer(FloatStorage.emptyAddress)
      let first = unsafe address.assumingMemoryBound(to: Float.self)
      unsafe self.init(
        shape: shape, pointer: UnsafeMutablePointer(mutating: first), owner: SliceOwner(bytes),
        readOnly: true)
    } else {
      let storage = FloatStorage(count: count, zeroed: false)
      unsafe bytes.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(start: storage.pointer, count: count * 4)
          .copyMemory(from: source)
      }
      unsafe self.init(shape: shape, pointer: storage.pointer, owner: storage, readOnly: true)
    }
  }

  /// Creates a writable tensor over the float32 values of `file`, whose size must be exactly that
  /// of the shape.
  package convenience init(_ file: ScratchFile, shape: [Int]) {
    let count = Tensor.elements(of: shape)
    precondition(file.byteCount == count * 4, "\(file.byteCount) bytes for shape \(shape)")
    unsafe self.init(
      shape: shape, pointer: file.start.bindMemory(to: Float.self, capacity: count), owner: file,
      readOnly: false)
  }

  /// The scratch file that holds the values; nil for values in memory.
  package var file: ScratchFile? { owner as? ScratchFile }

  /// Evicts values of a scratch file from memory until they are next used; a no-op otherwise.
  package func release() { file?.release() }

  /// The first extent (1 for a scalar).
  package var rows: Int { shape.first ?? 1 }
  /// The product of all extents but the first.
  package var columns: Int { shape.dropFirst().reduce(1, *) }

  /// Returns a view of some rows that shares this tensor's values.
  package func rows(_ range: Range<Int>) -> Tensor {
    precondition(
      !shape.isEmpty && range.lowerBound >= 0 && range.upperBound <= rows,
      "rows \(range) of \(shape)")
    return unsafe Tensor(
      shape: [range.count] + shape.dropFirst(), pointer: pointer + range.lowerBound * columns,
      owner: owner, readOnly: isReadOnly)
  }

  /// Returns a view of all values under another shape with the same product.
  package func reshaped(_ shape: [Int]) -> Tensor {
    precondition(Tensor.elements(of: shape) == count, "\(self.shape) seen as \(shape)")
    return unsafe Tensor(shape: shape, pointer: pointer, owner: owner, readOnly: isReadOnly)
  }

  /// The number of values of a tensor of `shape`.
  static func elements(of shape: [Int]) -> Int {
    precondition(shape.allSatisfy { $0 >= 0 }, "negative extent in \(shape)")
    return shape.reduce(1, *)
  }
}

/// An object that keeps mapped bytes alive for a tensor.
private final class SliceOwner {
  let bytes: ByteSlice
  init(_ bytes: ByteSlice) { self.bytes = bytes }
}
