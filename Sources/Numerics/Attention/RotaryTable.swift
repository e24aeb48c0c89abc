import Bytes
import CKernels
import Glibc

/// Cosines and sines for rotary positions (Su et al., arXiv 2104.09864), in the order of Hugging
/// Face's models: value i of a head turns together with value i + headDim/2.
package struct RotaryTable: Sendable {
  package let headDim: Int
  /// Positions 0 ..< positions are in the table.
  package let positions: Int
  /// [positions, headDim/2] each.
  private let cosines: Tensor
  private let sines: Tensor

  /// `inverseFrequencies`: headDim/2 angles per position, in radians; all cosines and sines are
  /// multiplied by `attentionFactor`.
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
          // The angle is rounded to float32 as the models' original code does.
          let angle = Double(Float(position) * inverseFrequencies[i])
          unsafe cosines.pointer[position * half + i] = Float(cos(angle)) * attentionFactor
          unsafe sines.pointer[position * half + i] = Float(sin(angle)) * attentionFactor
        }
      }
    }
    self.cosines = cosines
    self.sines = sines
  }

  /// Turns x [rows, heads·headDim] in place, row r by the angles of `positions[r]`; backwards where
  /// `inverse`, which is also how gradients pass.
  package func apply(to x: Tensor, heads: Int, positions: [Int32], inverse: Bool = false) {
    precondition(x.columns == heads * headDim && positions.count == x.rows && !x.isReadOnly)
    precondition(positions.allSatisfy { $0 >= 0 && Int($0) < self.positions }, "position too high")
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
