import Bytes
import CKernels
import Glibc
import Synchronization

/// The key-value cache of one transformer block for one sequence: keys (after rotary embedding, if
/// the model has it) and values [capacity, kvHeads·headDim], in float32, float16 or int8.
@safe package final class AttentionCache: @unchecked Sendable {
  /// The number format of keys and values.
  package enum Format: String, Sendable, CaseIterable {
    case float32
    case float16
    /// Symmetric 8-bit integers with a float32 scale per row and head.
    case int8
  }

  package let format: Format
  /// The most rows that the cache holds.
  package let capacity: Int
  package let kvHeads: Int
  package let headDim: Int
  /// Rows stored so far.
  package private(set) var count = 0
  private let keys: Rows
  private let values: Rows

  /// Allocates a cache for `capacity` rows of keys and values, kvHeads·headDim numbers each.
  package init(capacity: Int, kvHeads: Int, headDim: Int, format: Format) {
    self.capacity = capacity
    self.kvHeads = kvHeads
    self.headDim = headDim
    self.format = format
    keys = Rows(capacity, kvHeads, headDim, format)
    values = Rows(capacity, kvHeads, headDim, format)
  }

  /// A number that a cache can't hold: not finite, or beyond the format's range (float16 ends at
  /// 65504).
  package struct Unheld: Sendable, Equatable {
    /// Row of the cache, which is the number's position in its text.
    package let row: Int
    /// Whether the number is part of a key; otherwise of a value.
    package let isKey: Bool
    package let head: Int
    /// Index within the head.
    package let channel: Int
    package let number: Float
  }

  /// Appends rows [n, kvHeads·headDim] of keys and values.
  ///
  /// - Returns: the first number that the cache can't hold, in the order of rows; nil if it holds
  ///   all. With such a number in it the cache is of no use.
  package func append(keys newKeys: Tensor, values newValues: Tensor) -> Unheld? {
    let width = kvHeads * headDim
    precondition(
      newKeys.columns == width && newValues.columns == width && newKeys.rows == newValues.rows
        && count + newKeys.rows <= capacity,
      "\(newKeys.shape) after \(count) of \(capacity) rows of \(width)")
    let first = count
    let failed = Mutex<Int?>(nil)
    Parallel.ranges(newKeys.rows, grain: 64) { range in
      for row in range {
        let badKey = unsafe keys.store(newKeys.pointer + row * width, at: first + row)
        let badValue = unsafe values.store(newValues.pointer + row * width, at: first + row)
        if badKey != nil || badValue != nil { failed.withLock { $0 = min($0 ?? row, row) } }
      }
    }
    count += newKeys.rows
    guard let row = failed.withLock({ $0 }) else { return nil }
    let parts = [(newKeys, keys), (newValues, values)]
    for (part, (numbers, rows)) in parts.enumerated() {
      guard let bad = unsafe rows.store(numbers.pointer + row * width, at: first + row) else {
        continue
      }
      return Unheld(
        row: first + row, isKey: part == 0, head: bad.head, channel: bad.channel,
        number: numbers[row, bad.head * headDim + bad.channel])
    }
    return nil
  }

  /// Removes all rows after the first `count`.
  package func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    self.count = count
  }

  /// The storage of keys or of values.
  @safe private struct Rows: @unchecked Sendable {
    let storage: FloatStorage
    let scales: Tensor
    let heads: Int
    let dim: Int
    let format: Format

    init(_ capacity: Int, _ heads: Int, _ dim: Int, _ format: Format) {
      self.heads = heads
      self.dim = dim
      self.format = format
      storage = FloatStorage(
        count: (capacity * heads * dim * format.bytes + 3) / 4, zeroed: false)
      scales = Tensor(uninitialized: [format == .int8 ? capacity * heads : 0])
    }

    private func place(_ row: Int, _ head: Int) -> UnsafeMutableRawPointer {
      unsafe UnsafeMutableRawPointer(storage.pointer) + (row * heads + head) * dim * format.bytes
    }

    /// Stores a row; returns the place of the first number that the format can't hold.
    func store(
      _ values: UnsafePointer<Float>, at row: Int
    ) -> (head: Int, channel: Int)? {
      var bad: (head: Int, channel: Int)?
      for head in 0..<heads {
        let held = unsafe ctk_store_cached(
          Int32(format.kernel.rawValue), values + head * dim, dim, place(row, head),
          scales.pointer + (format == .int8 ? row * heads + head : 0))
        if held < dim, bad == nil { bad = (head, held) }
      }
      return bad
    }

    func view(from row: Int, head: Int) -> ctk_cached_rows {
      unsafe ctk_cached_rows(
        format: Int32(format.kernel.rawValue), rows: place(row, head),
        scales: scales.pointer + (format == .int8 ? row * heads + head : 0),
        stride: heads * dim, scale_stride: heads)
    }
  }
}

extension AttentionCache {
  /// Keys per piece of work; fixed, so that results don't depend on the number of threads.
  private static let keysPerPart = 256

  /// Computes the attention of one new token of each of several sequences:
  /// out[j] = softmax(q[j]·kᵀ/√headDim)·v over all rows of caches[j], q and out
  /// [sequences, heads·headDim].
  package static func attend(
    _ q: Tensor, over caches: [AttentionCache], heads: Int, into out: Tensor
  ) {
    guard let first = caches.first else { return }
    let (dim, kvHeads) = (first.headDim, first.kvHeads)
    precondition(
      q.rows == caches.count && q.columns == heads * dim && out.rows == q.rows
        && out.columns == q.columns && heads % kvHeads == 0 && !out.isReadOnly)
    let group = heads / kvHeads
    var parts: [Part] = []
    for (text, cache) in caches.enumerated() {
      precondition(cache.count > 0 && cache.headDim == dim && cache.kvHeads == kvHeads)
      for head in 0..<kvHeads {
        for start in stride(from: 0, to: cache.count, by: keysPerPart) {
          let keys = start..<min(cache.count, start + keysPerPart)
          parts.append(Part(cache, text: text, kvHead: head, keys: keys, group: group))
        }
      }
    }
    let all = parts
    Parallel.forEach(all.count) { i in
      unsafe all[i].run(q.pointer + (all[i].text * kvHeads + all[i].kvHead) * group * dim)
    }
    var index = 0
    while index < all.count {
      var end = index + 1
      while end < all.count, all[end].text == all[index].text, all[end].kvHead == all[index].kvHead
      {
        end += 1
      }
      unsafe combine(
        all[index..<end],
        into: out.pointer + (all[index].text * kvHeads + all[index].kvHead) * group * dim)
      index = end
    }
  }

  /// A range of keys of one head, with the softmax sums and weighted values of its group's queries.
  private final class Part: Sendable {
    let cache: AttentionCache
    let text: Int
    let kvHead: Int
    let keys: Range<Int>
    let group: Int
    let highest: Tensor
    let sum: Tensor
    let weighted: Tensor

    init(_ cache: AttentionCache, text: Int, kvHead: Int, keys: Range<Int>, group: Int) {
      self.cache = cache
      self.text = text
      self.kvHead = kvHead
      self.keys = keys
      self.group = group
      highest = Tensor([group])
      highest.fill(-.infinity)
      sum = Tensor([group])
      weighted = Tensor(uninitialized: [group, cache.headDim])
    }

    func run(_ q: UnsafePointer<Float>) {
      let (count, dim) = (keys.count, cache.headDim)
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: group * (count + 1)) { space in
        guard let scores = space.baseAddress else { return }
        let correction = unsafe scores + group * count
        var view = unsafe cache.keys.view(from: keys.lowerBound, head: kvHead)
        unsafe ctk_cached_scores(&view, count, q, group, dim, scores, count)
        var block = unsafe ctk_scores(
          scores: scores, stride: count, rows: group, n: count, edge: count,
          scale: 1 / Float(dim).squareRoot())
        unsafe ctk_online_softmax(&block, highest.pointer, sum.pointer, correction, 1)
        unsafe view = cache.values.view(from: keys.lowerBound, head: kvHead)
        unsafe ctk_cached_sum(&view, count, scores, count, group, dim, weighted.pointer)
      }
    }
  }

  /// Combines the parts of one head's softmax in order and writes the group's outputs.
  private static func combine(_ parts: ArraySlice<Part>, into out: UnsafeMutablePointer<Float>) {
    guard let first = parts.first else { return }
    let dim = first.cache.headDim
    for h in 0..<first.group {
      let top = parts.reduce(-Float.infinity) { max($0, $1.highest[h]) }
      let total = parts.reduce(Float(0)) { $0 + $1.sum[h] * exp($1.highest[h] - top) }
      let row = unsafe out + h * dim
      unsafe row.update(repeating: 0, count: dim)
      for part in parts {
        unsafe ctk_add_scaled(
          part.weighted.pointer + h * dim, exp(part.highest[h] - top) / total, row, dim)
      }
    }
  }
}
