import Bytes
import Testing

@Suite struct FigureTests {
  @Test(arguments: [
    (12.3456, "12.35"), (0.0123456, "0.01235"), (1_234_567, "1.235e+06"), (-0.5, "-0.5"),
    (0, "0"), (.infinity, "inf"), (.nan, "nan"),
  ])
  func fourSignificantDigits(value: Double, text: String) {
    #expect(Figure.short(value) == text)
  }

  @Test(arguments: [
    (3.14159, 0, "3"), (3.14159, 3, "3.142"), (-2.5, 1, "-2.5"),
    (1e21, 2, "1000000000000000000000.00"),
  ])
  func fixedDecimals(value: Double, decimals: Int, text: String) {
    #expect(Figure.fixed(value, decimals) == text)
  }

  /// The longest output of `fixed`, which must fit in its buffer.
  @Test func theLargestNumberHasAllItsDigits() {
    let text = Figure.fixed(.greatestFiniteMagnitude, 4)
    #expect(text.count == 309 + 1 + 4 && text.hasSuffix(".0000"))
    #expect(Double(text) == .greatestFiniteMagnitude)
  }

  @Test(arguments: [
    (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (538_100_000, "538.1 MB"),
    (2_500_000_000_000, "2500.0 GB"),
  ])
  func bytesInDecimalUnits(count: Int, text: String) {
    #expect(Figure.bytes(count) == text)
  }

  @Test(arguments: [(0, "0"), (999, "999"), (134_515_008, "134,515,008"), (-1234, "-1,234")])
  func countsInThousands(value: Int, text: String) {
    #expect(Figure.count(value) == text)
  }

  @Test(arguments: [
    (0.0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1:00"),
    (3599.6, "1:00:00"), (7505, "2:05:05"), (-1, "?"), (.nan, "?"),
  ])
  func seconds(seconds: Double, text: String) {
    #expect(Figure.time(seconds) == text)
  }
}

@Suite struct PathNamesTests {
  @Test(arguments: [
    ("data/model.gguf", "model.gguf", "model", "data"), ("model", "model", "model", "."),
    ("/a/b/", "b", "b", "/a/b"), ("/x.tar.gz", "x.tar.gz", "x.tar", "/"),
    (".hidden", ".hidden", ".hidden", "."),
    ("/", "/", "/", "/"),
  ])
  func parts(path: String, last: String, stem: String, parent: String) {
    #expect(PathNames.last(path) == last)
    #expect(PathNames.stem(path) == stem)
    #expect(PathNames.parent(path) == parent)
  }
}
