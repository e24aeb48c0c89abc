import Bytes
import CKernels

/// The gated activation h = gate·σ(gate)·up (Shazeer, arXiv 2002.05202), elementwise.
package enum SwiGLU {
  private static let grain = 1 << 14

  /// Computes h = gate·σ(gate)·up; `h` may be `gate` or `up`.
  package static func forward(_ gate: Tensor, _ up: Tensor, into h: Tensor) {
    precondition(gate.count == up.count && h.count == gate.count && !h.isReadOnly)
    Parallel.ranges(gate.count, grain: grain) { range in
      let i = range.lowerBound
      unsafe ctk_swiglu(gate.pointer + i, up.pointer + i, h.pointer + i, range.count)
    }
  }

  /// Computes the gradients with respect to gate and up; each may overwrite any of the inputs.
  package static func backward(
    _ dh: Tensor, gate: Tensor, up: Tensor, dGate: Tensor, dUp: Tensor
  ) {
    precondition(gate.count == up.count && dh.count == gate.count)
    precondition(dGate.count == gate.count && dUp.count == gate.count)
    precondition(!dGate.isReadOnly && !dUp.isReadOnly)
    Parallel.ranges(gate.count, grain: grain) { range in
      let i = range.lowerBound
      unsafe ctk_swiglu_backward(
        dh.pointer + i, gate.pointer + i, up.pointer + i, dGate.pointer + i, dUp.pointer + i,
        range.count)
    }
  }
}
