/// Texts with a common beginning, the trunk, whose rows are computed once, and the rest of each, the
/// branches. A text's last token is predicted only, so it has no row.
struct TokenTree {
  let texts: [ScoredTokens]
  /// Tokens of the trunk.
  let trunk: Int

  /// - Parameter texts: at least one.
  init(_ texts: [ScoredTokens]) {
    self.texts = texts
    trunk = TokenTree.common(texts.map { $0.ids.dropLast() })
  }

  /// Rows of branch `index`.
  func length(_ index: Int) -> Int { texts[index].ids.count - 1 - trunk }
  /// Rows of the trunk and all branches.
  var rows: Int { trunk + texts.indices.reduce(0) { $0 + length($1) } }
  /// Rows of the longest branch.
  var longest: Int { texts.indices.map(length).max() ?? 0 }
  /// Positions of the longest text.
  var positions: Int { trunk + longest }

  /// The tokens of the rows: the trunk's, then each branch's.
  var ids: [Int32] {
    texts[0].ids[..<trunk] + texts.flatMap { $0.ids.dropLast().dropFirst(trunk) }
  }

  /// The position of each row, from `start`.
  func rowPositions(from start: Int) -> [Int32] {
    let trunkPositions = (0..<trunk).map { Int32(start + $0) }
    return trunkPositions
      + texts.indices.flatMap { index in
        (0..<length(index)).map { Int32(start + trunk + $0) }
      }
  }

  /// The first row of each branch.
  var branchStarts: [Int] {
    var starts: [Int] = []
    var next = trunk
    for index in texts.indices {
      starts.append(next)
      next += length(index)
    }
    return starts
  }

  /// For each text, the rows that predict its scored tokens.
  var predictingRows: [[Int]] {
    zip(texts, branchStarts).map { text, start in
      (text.firstScored..<text.ids.count).map { token in
        token - 1 < trunk ? token - 1 : start + token - 1 - trunk
      }
    }
  }

  /// The number of tokens with which all lists begin.
  static func common(_ lists: [ArraySlice<Int32>]) -> Int {
    guard let first = lists.first else { return 0 }
    var count = lists.map(\.count).min() ?? 0
    for list in lists.dropFirst() {
      var same = 0
      while same < count, list[list.startIndex + same] == first[first.startIndex + same] {
        same += 1
      }
      count = same
    }
    return count
  }
}
