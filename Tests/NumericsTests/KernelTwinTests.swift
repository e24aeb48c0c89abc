import CKernels
import Foundation
import Numerics
import Testing

extension NumericsTests {
  /// Every fast kernel against its plain twin, at odd sizes and at every level.
  @Suite struct KernelTwins {
    @Test func elementwise() {
      forEachSize { n, random, note in
        let a = random.floats(n)
        let b = random.floats(n)
        var (fast, plain) = (b, b)
        unsafe ctk_add(a, &fast, n)
        unsafe ctk_add_ref(a, &plain, n)
        #expect(fast == plain, note)
        unsafe ctk_add_scaled(a, 0.37, &fast, n)
        unsafe ctk_add_scaled_ref(a, 0.37, &plain, n)
        expectClose(fast, plain, note)
        fast = plain
        unsafe ctk_scale(&fast, -1.7, n)
        unsafe ctk_scale_ref(&plain, -1.7, n)
        #expect(fast == plain, note)
        var (rows, plainRows) = (random.floats(3 * n), [Float]())
        plainRows = rows
        unsafe ctk_scale_rows(&rows, n, 3, n, [0.5, 1, -3])
        unsafe ctk_scale_rows_ref(&plainRows, n, 3, n, [0.5, 1, -3])
        #expect(rows == plainRows, note)
        var (sum, plainSum) = (0.0, 0.0)
        unsafe ctk_sum_of_squares(a, n, &sum)
        unsafe ctk_sum_of_squares_ref(a, n, &plainSum)
        #expect(abs(sum - plainSum) <= 1e-14 * plainSum, note)
      }
    }

    @Test func exponentialIsWithinItsStatedError() {
      atEveryLevel { level in
        let x = (0...200_000).map { Float(-87.33 + Double($0) * (88.72 + 87.33) / 200_000) }
        var y = [Float](repeating: 0, count: x.count)
        unsafe ctk_exp(x, &y, x.count)
        var worst = 0.0
        for (x, y) in zip(x, y) {
          let exact = exp(Double(x))
          worst = max(worst, abs(Double(y) - exact) / Double(Float(exact).ulp))
        }
        #expect(worst < 1.1, "\(worst) ulp at \(level)")
        var edges: [Float] = [-.infinity, -1000, -87.34, 0, 89, .infinity]
        var result = edges
        unsafe ctk_exp(&edges, &result, edges.count)
        #expect(Array(result[0..<4]) == [0, 0, 0, 1], "\(level)")
        #expect(result[4].isFinite && result[4] > 3.4e38 && result[5] == result[4], "\(level)")
      }
    }

    @Test func normalisation() {
      forEachSize { n, random, note in
        let x = random.floats(n)
        let gain = random.floats(n)
        let dy = random.floats(n)
        var (y, plainY) = (x, x)
        var (inverse, plainInverse): (Float, Float) = (0, 0)
        unsafe ctk_rms_norm(x, gain, 1e-5, &y, &inverse, n)
        unsafe ctk_rms_norm_ref(x, gain, 1e-5, &plainY, &plainInverse, n)
        expectClose(y, plainY, note)
        expectClose([inverse], [plainInverse], note)
        for accumulate: Int32 in [0, 1] {
          var (dx, plainDx) = (gain, gain)
          unsafe ctk_rms_norm_backward(dy, x, gain, inverse, &dx, accumulate, n)
          unsafe ctk_rms_norm_backward_ref(dy, x, gain, inverse, &plainDx, accumulate, n)
          let size = Double((dx + plainDx).map { abs($0) }.max() ?? 0)
          expectClose(dx, plainDx, absolute: 1e-5 * (size + Double(inverse)), note)
        }
      }
    }

    @Test func layerNormalisation() {
      forEachSize { n, random, note in
        // A mean far from 0: sums of squares alone would lose it.
        let x = random.floats(n).map { 30 + $0 }
        let (gain, bias, dy) = (random.floats(n), random.floats(n), random.floats(n))
        var (y, plainY) = (x, x)
        var (mean, plainMean, r, plainR): (Float, Float, Float, Float) = (0, 0, 0, 0)
        unsafe ctk_layer_norm(x, gain, bias, 1e-5, &y, &mean, &r, n)
        unsafe ctk_layer_norm_ref(x, gain, bias, 1e-5, &plainY, &plainMean, &plainR, n)
        // A single value is its own mean, and rounding is all that is left of it.
        guard n > 2 else { return expectClose([mean], [plainMean], note) }
        expectClose([mean], [plainMean], note)
        expectClose([r], [plainR], relative: 1e-4, note)
        let size = Double(plainR) * 1e-5
        expectClose(y, plainY, absolute: 3 * size, relative: 1e-4, note)
        for accumulate: Int32 in [0, 1] {
          var (dx, plainDx) = (gain, gain)
          unsafe ctk_layer_norm_backward(dy, x, gain, plainMean, plainR, &dx, accumulate, n)
          unsafe ctk_layer_norm_backward_ref(
            dy, x, gain, plainMean, plainR, &plainDx, accumulate, n)
          let size = Double((dx + plainDx).map { abs($0) }.max() ?? 0)
          expectClose(dx, plainDx, absolute: 1e-5 * (size + Double(plainR)), note)
        }
        // In place, as tensors in training need it.
        var inPlace = x
        unsafe inPlace.withUnsafeMutableBufferPointer { buffer in
          guard let p = buffer.baseAddress else { return }
          unsafe ctk_layer_norm(p, gain, bias, 1e-5, p, &mean, &r, n)
        }
        #expect(inPlace == y, note)
      }
    }

    @Test func plainActivations() {
      forEachSize { n, random, note in
        let (x, dy) = (random.floats(n, scale: 3), random.floats(n))
        var (y, plain) = (x, x)
        unsafe ctk_relu(x, &y, n)
        unsafe ctk_relu_ref(x, &plain, n)
        #expect(y == plain, note)
        unsafe ctk_relu_backward(dy, x, &y, n)
        unsafe ctk_relu_backward_ref(dy, x, &plain, n)
        #expect(y == plain, note)
        unsafe ctk_gelu(x, &y, n)
        unsafe ctk_gelu_ref(x, &plain, n)
        expectClose(y, plain, absolute: 1e-6, relative: 5e-7, note)
        unsafe ctk_gelu_backward(dy, x, &y, n)
        unsafe ctk_gelu_backward_ref(dy, x, &plain, n)
        expectClose(y, plain, absolute: 3e-6, relative: 1e-6, note)
      }
      let edges: [Float] = [-200, -40, 0, 40, 200, .nan]
      var y = edges
      unsafe ctk_relu(edges, &y, edges.count)
      #expect(y[0..<5] == [0, 0, 0, 40, 200] && y[5].isNaN)
      unsafe ctk_gelu(edges, &y, edges.count)
      #expect(y[0..<5] == [0, 0, 0, 40, 200] && y[5].isNaN)
    }

    @Test func geluIsWithinItsStatedError() {
      atEveryLevel { level in
        let x = (-60_000...60_000).map { Float($0) / 5000 }
        var (y, plain) = (x, x)
        unsafe ctk_gelu(x, &y, x.count)
        unsafe ctk_gelu_ref(x, &plain, x.count)
        var worst = 0.0
        for (x, (y, p)) in zip(x, zip(y, plain)) {
          worst = max(worst, Double(abs(y - p)) / Double(max(1, abs(x))))
        }
        #expect(worst <= 4e-7, "\(worst) at \(level)")
      }
    }

    @Test func rotation() {
      forEachSize { half, random, note in
        let angles = random.floats(half)
        let cosines = angles.map { cos($0) }
        let sines = angles.map { sin($0) }
        for inverse: Int32 in [0, 1] {
          let x = random.floats(3 * 2 * half)
          var (fast, plain) = (x, x)
          unsafe ctk_rotary(&fast, cosines, sines, 3, half, inverse)
          unsafe ctk_rotary_ref(&plain, cosines, sines, 3, half, inverse)
          expectClose(fast, plain, note)
          unsafe ctk_rotary(&fast, cosines, sines, 3, half, 1 - inverse)
          expectClose(fast, x, absolute: 2e-6, note)
        }
      }
    }

    @Test func gatedActivation() {
      forEachSize { n, random, note in
        let gate = random.floats(n, scale: 8)
        let up = random.floats(n)
        let dh = random.floats(n)
        var (h, plainH) = (gate, gate)
        unsafe ctk_swiglu(gate, up, &h, n)
        unsafe ctk_swiglu_ref(gate, up, &plainH, n)
        expectClose(h, plainH, absolute: 1e-30, relative: 4e-7, note)
        var (dGate, dUp, plainDGate, plainDUp) = (gate, gate, gate, gate)
        unsafe ctk_swiglu_backward(dh, gate, up, &dGate, &dUp, n)
        unsafe ctk_swiglu_backward_ref(dh, gate, up, &plainDGate, &plainDUp, n)
        expectClose(dUp, plainDUp, absolute: 1e-30, relative: 4e-7, note)
        expectClose(dGate, plainDGate, note)
      }
      let gate: [Float] = [-200, -88, 88, 200]
      var h: [Float] = [0, 0, 0, 0]
      unsafe ctk_swiglu(gate, [1, 1, 1, 1], &h, 4)
      #expect(abs(h[0]) < 1e-35 && abs(h[1]) < 1e-35 && h[2] == 88 && h[3] == 200)
    }

    @Test func dotProducts() {
      forEachSize { k, random, note in
        let w = random.floats(k)
        let x = random.floats(5 * (k + 1))
        for accumulate: Int32 in [0, 1] {
          var y = random.floats(5 * 2)
          var plain = y
          unsafe ctk_dot_rows(w, x, k + 1, 5, k, &y, 2, accumulate)
          unsafe ctk_dot_rows_ref(w, x, k + 1, 5, k, &plain, 2, accumulate)
          expectClose(y, plain, absolute: 1e-5, note)
        }
      }
    }

    @Test func everyHalfFloat() {
      atEveryLevel { level in
        let patterns = (0...UInt16.max).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let count = 1 << 16
        // 65535 values too, so that the last ones don't fill a vector.
        for n in [count, count - 1] {
          var (f16, plainF16) = ([Float](repeating: 0, count: n), [Float](repeating: 0, count: n))
          unsafe ctk_widen_f16(patterns, &f16, n)
          unsafe ctk_widen_f16_ref(patterns, &plainF16, n)
          #expect(f16.map(\.bitPattern) == plainF16.map(\.bitPattern), "\(level)")
          var (bf16, plainBF16) = (f16, f16)
          unsafe ctk_widen_bf16(patterns, &bf16, n)
          unsafe ctk_widen_bf16_ref(patterns, &plainBF16, n)
          #expect(bf16.map(\.bitPattern) == plainBF16.map(\.bitPattern), "\(level)")
          #if arch(arm64) || arch(x86_64)
            let wrong = (0..<n).first { i in
              let value = Float(Float16(bitPattern: UInt16(i)))
              return value.isNaN ? !f16[i].isNaN : value != f16[i]
            }
            #expect(wrong == nil, "pattern \(String(describing: wrong)), \(level)")
          #endif
        }
      }
    }
  }
}
