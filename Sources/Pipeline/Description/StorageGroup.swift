import BundleFormat

/// The tensors of a bundle that are stored in the same way, with their number, weights and bytes.
package struct StorageGroup: Sendable, Equatable {
  /// The form of storage in words: "3 bits, groups of 64, asymmetric".
  package let label: String
  package private(set) var tensors = 0
  package private(set) var parameters = 0
  package private(set) var bytes = 0

  /// Stored bits per weight, scales and zero points included.
  package var bitsPerWeight: Double { Double(bytes) * 8 / Double(max(1, parameters)) }

  /// The groups of a bundle's tensors, in the order of their first tensors.
  package static func all(of bundle: ModelBundle) -> [StorageGroup] {
    var groups: [StorageGroup] = []
    var places: [String: Int] = [:]
    for tensor in bundle.tensors {
      let label = label(of: tensor)
      let place = places[label] ?? groups.count
      if place == groups.count { groups.append(StorageGroup(label: label)) }
      places[label] = place
      groups[place].tensors += 1
      groups[place].parameters += tensor.parameters
      groups[place].bytes += tensor.storedBytes
    }
    return groups
  }

  private static func label(of tensor: TensorDescriptor) -> String {
    var label = "\(tensor.bits) bits"
    if tensor.isPacked {
      let isRow = tensor.groupSize >= tensor.columns
      label += isRow ? ", one group per row" : ", groups of \(tensor.groupSize)"
      label += tensor.symmetric ? ", symmetric" : ", asymmetric"
    } else {
      label = "\(tensor.layout.label), not packed"
    }
    return label + (tensor.sparsity != nil ? ", sparse" : "")
  }
}
