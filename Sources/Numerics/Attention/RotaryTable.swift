import Bytes
import CKernels
import Glibc

/// Cosines and sines of rotary position embedding (Su et al., arXiv 2104.09864), in the "rotate
/// half" order of Hugging Face's models: values i and i + headDim/2 of a head form a pair.
package struct RotaryTable: Sendable {
  package let headDim: Int
  /// The number of positions in the table, 0 ..< positions.
  package let positions: Int
  /// Cosines, [positions, headDim/2].
  private let cosines: Tensor
  /// Sines, [positions, headDim/2].
  private let sines: Tensor

  /// Computes the table.
  ///
  /// - Parameters:
  ///   - inverseFrequencies: Radians per position, [headDim/2].
  ///   - attentionFactor: A factor of all cosines and sines.
  package init(
    headDim: Int, positions: Int, inverseFrequencies: [Float], attentionFactor: Float = 1
  ) {
    precondition(headDim % 2 == 0 && inverseFrequencies.count == headDim / 2)
    self.headDim = headDim
    self.positions = positions
    let half = headDim / 2
    let cosines = Tensor(uninitialized: [positions, half])
    let sines = Tensor(uninitialized: [positions, half])
    Parallel.ranges(positions, grain: 64) { range in
      for position in range {
        for i in 0..<half {
          // The angle is rounded to float32, as in the models' original code.
          let angle = Double(Float(position) * inverseFrequencies[i])
          unsafe cosines.pointer[position * half + i] = Float(cos(angle)) * attentionFactor
          unsafe sines.pointer[position * half + i] = Float(sin(angle)) * attentionFactor
        }
      }
    }
    self.cosines = cosines
    self.sines = sines
  }

  /// Rotates x [rows, heads·headDim] in place, row r by the angles of `positions[r]`. `inverse`
  /// rotates back, which is also the backward pass.
  package func apply(to x: Tensor, heads: Int, positions: [Int32], inverse: Bool = false) {
    precondition(x.columns == heads * headDim && positions.count == x.rows && !x.isReadOnly)
    precondition(
      positions.allSatisfy { $0 >= 0 && Int($0) < self.positions },
      "a position outside of 0 ..< \(self.positions)")
    let half = headDim / 2
    Parallel.ranges(x.rows, grain: 32) { rows in
      for row in rows {
        let place = Int(positions[row]) * half
        unsafe ctk_rotary(
          x.pointer + row * x.columns, cosines.pointer + place, sines.pointer + place, heads, half,
          inverse ? 1 : 0)
      }
    }
  }
}
