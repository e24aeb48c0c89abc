import Bytes
import Testing

@Suite struct ProgressHandlerTests {
  /// Equally long pieces are reported as one increasing count, without reporting a point twice.
  @Test func piecesAreReportedAsOneCount() throws {
    var seen: [String] = []
    let handler = ProgressHandler { done, total, note in seen.append("\(done)/\(total) \(note)") }
    for index in 0..<2 {
      let piece = handler.piece(index, of: 2, "both")
      for done in [0, 3, 5] { try piece.report(done, of: 5, "one") }
    }
    #expect(seen == ["0/10 both", "3/10 both", "5/10 both", "8/10 both", "10/10 both"])
  }

  @Test func aThrowingHandlerCancelsTheWork() throws {
    var calls = 0
    let handler = ProgressHandler(stop: { () throws(Failure) in
      calls += 1
      if calls == 3 { throw Failure(.interrupted, "stopped") }
    })
    func work() throws(Failure) -> Int {
      for done in 0..<9 { try handler.piece(0, of: 1, "").report(done, of: 9) }
      return 9
    }
    #expect(throws: Failure.self) { try work() }
    #expect(calls == 3)
    try ProgressHandler.none.report(1, of: 1)
  }
}
