import Bytes
import Compression
import Testing

@Suite struct TensorSettingsTests {
  private func finding(
    _ settings: TensorSettings, columns: Int? = 64
  ) -> String? {
    do {
      try settings.validate(columns: columns, tensor: "w")
      return nil
    } catch {
      #expect(error.kind == .usage)
      #expect(error.place == "w")
      return error.finding
    }
  }

  @Test func ordinarySettingsPass() {
    #expect(finding(TensorSettings()) == nil)
    for bits in [2, 3, 4, 8] {
      for group in [GroupWidth.row, .columns(1), .columns(63), .columns(64)] {
        #expect(finding(TensorSettings(grid: GridSettings(bits: bits, group: group))) == nil)
      }
    }
    #expect(finding(TensorSettings(actOrder: false, staticGroups: false)) == nil)
    #expect(finding(TensorSettings(grid: GridSettings(group: .columns(128))), columns: nil) == nil)
  }

  @Test func impossibleSettingsAreRefused() {
    for bits in [-1, 0, 1, 5, 6, 7, 16] {
      #expect(finding(TensorSettings(grid: GridSettings(bits: bits)))?.contains("bits") == true)
    }
    let wide = TensorSettings(grid: GridSettings(group: .columns(65)))
    #expect(finding(wide)?.contains("wider than a row of 64") == true)
    for width in [0, -64] {
      #expect(finding(TensorSettings(grid: GridSettings(group: .columns(width)))) != nil)
    }
    for damping in [-0.01, 1.5, .nan, .infinity] {
      #expect(finding(TensorSettings(damping: damping))?.contains("damping") == true)
    }
    let weightless = TensorSettings(
      method: .roundToNearest, grid: GridSettings(rangeSearch: .weighted))
    #expect(finding(weightless) != nil)
  }

  /// Stored groups are runs of neighbouring columns, which act-order doesn't visit one after the
  /// other.
  @Test func actOrderNeedsStaticGroups() {
    #expect(finding(TensorSettings(staticGroups: false))?.contains("static_groups") == true)
    #expect(finding(TensorSettings(grid: GridSettings(group: .row), staticGroups: false)) == nil)
    #expect(
      finding(TensorSettings(method: .roundToNearest, staticGroups: false)) == nil,
      "round-to-nearest has no order")
  }
}
