import Synchronization

/// An error that no code under test throws.
package struct Crash: Error {
  package init() {}
}

/// A count that concurrent code may raise.
package final class Counter: Sendable {
  private let count = Atomic<Int>(0)

  package init() {}
  package func add() { count.add(1, ordering: .relaxed) }
  package var value: Int { count.load(ordering: .relaxed) }
}
