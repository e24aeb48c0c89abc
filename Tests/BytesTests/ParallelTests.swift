import Bytes
import Dispatch
import Synchronization
import Testing

/// One test at a time: they change the number of threads, which is process-wide.
@Suite(.serialized) struct ParallelTests {
  private func withThreads(_ counts: [Int], _ body: (Int) -> Void) {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    for count in counts {
      Parallel.threads = count
      body(count)
    }
  }

  @Test func everyIndexOnce() {
    withThreads([1, 2, 3, 8]) { threads in
      for n in [0, 1, 2, 7, 1000] {
        let seen = Mutex([Int](repeating: 0, count: n))
        Parallel.forEach(n) { i in seen.withLock { $0[i] += 1 } }
        #expect(seen.withLock { $0 } == [Int](repeating: 1, count: n), "\(threads) threads")
      }
    }
  }

  @Test func manyShortLoops() {
    withThreads([2, 8]) { threads in
      let total = Atomic<Int>(0)
      for _ in 0..<20_000 { Parallel.forEach(5) { i in total.add(i, ordering: .relaxed) } }
      #expect(total.load(ordering: .relaxed) == 200_000, "\(threads) threads")
    }
  }

  @Test func loopsInsideLoopsAndFromSeveralThreads() {
    withThreads([4]) { _ in
      let total = Atomic<Int>(0)
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        for _ in 0..<200 {
          Parallel.forEach(6) { _ in
            Parallel.forEach(3) { _ in total.add(1, ordering: .relaxed) }
          }
        }
      }
      #expect(total.load(ordering: .relaxed) == 4 * 200 * 18)
    }
  }

  @Test func threadsStayWithinBounds() {
    for count in [0, -3, 1] { #expect(Parallel.allowed(count) == 1) }
    #expect(Parallel.allowed(7) == 7)
    for count in [255, 256, 100_000] { #expect(Parallel.allowed(count) == 255) }
  }
}
