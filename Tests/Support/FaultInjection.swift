import Synchronization

/// An injected error, which no code under test throws itself.
package struct Crash: Error {
  package init() {}
}

/// A counter that concurrent code can increment.
package final class Counter: Sendable {
  private let count = Atomic<Int>(0)

  package init() {}
  package func add() { count.add(1, ordering: .relaxed) }
  package var value: Int { count.load(ordering: .relaxed) }
}
