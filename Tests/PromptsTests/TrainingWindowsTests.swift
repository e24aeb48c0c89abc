import Bytes
import Prompts
import Testing

@Suite struct TrainingWindowsTests {
  let ids = [Int32](0..<103)

  @Test func anEpochShowsEachWindowOnce() throws {
    var windows = try TrainingWindows(ids: ids, length: 10, seed: 1)
    var (orders, epoch) = ([[Int32]](), [Int32]())
    for _ in 0..<60 {
      let before = windows.position.epoch
      let window = windows.next()
      #expect(window == Array(window[0]..<window[0] + 10), "consecutive tokens of the text")
      if windows.position.epoch != before {
        orders.append(epoch)
        epoch = []
      }
      epoch.append(window[0])
    }
    #expect(orders.count >= 4)
    for order in orders {
      let sorted = order.sorted()
      #expect(sorted.count == (103 - Int(sorted[0])) / 10)
      #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $1 - $0 == 10 })
    }
    #expect(Set(orders).count == orders.count, "every epoch has an order of its own")
  }

  @Test func aPositionResumesTheOrder() throws {
    var whole = try TrainingWindows(ids: ids, length: 7, seed: 2)
    for _ in 0..<40 {
      var resumed = try TrainingWindows(ids: ids, length: 7, seed: 2, position: whole.position)
      #expect(resumed.batch(3) == whole.batch(3))
    }
    var other = try TrainingWindows(ids: ids, length: 7, seed: 3)
    var first = try TrainingWindows(ids: ids, length: 7, seed: 2)
    #expect(other.batch(5) != first.batch(5))
  }

  @Test func aTextOfOneWindowWorksAndAShorterOneIsRefused() throws {
    var one = try TrainingWindows(ids: [4, 5, 6], length: 3, seed: 0)
    #expect(one.batch(3) == [[4, 5, 6], [4, 5, 6], [4, 5, 6]])
    #expect { _ = try TrainingWindows(ids: [4, 5], length: 3, seed: 0) } throws: {
      ($0 as? Failure)?.kind == .usage
    }
  }
}
