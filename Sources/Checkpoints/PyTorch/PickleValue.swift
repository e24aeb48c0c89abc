/// A value in a state dict's pickle. Containers refer to their parts by index into `Pickle.values`,
/// and nothing here traverses them, so deep or cyclic structures do no harm. The rare large cases are
/// indirect, so that a pickle of many small values takes 24 bytes for each.
enum PickleValue {
  case none
  case bool(Bool)
  case integer(Int)
  case number
  case text(String)
  case tuple([Int])
  case list([Int])
  case dictionary([(key: Int, value: Int)])
  case global(PickleGlobal)
  indirect case storage(PickledStorage)
  indirect case tensor(PickledTensor)

  /// The kind of value, for error messages.
  var kindName: String {
    switch self {
    case .none: "None"
    case .bool: "a boolean"
    case .integer: "an integer"
    case .number: "a number"
    case .text: "a string"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .global(let global): "the global \(global.name)"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// The globals that a pickle may name. None of them is ever called; each represents the object that
/// it would build.
enum PickleGlobal: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  /// A storage class, by its element type.
  case storage(SafetensorsType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", _):
      guard let type = Self.storages[name] else { return nil }
      self = .storage(type)
    default: return nil
    }
  }

  private static let storages: [String: SafetensorsType] = [
    "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16, "DoubleStorage": .f64,
    "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8,
    "ByteStorage": .u8, "BoolStorage": .bool,
  ]

  var name: String {
    switch self {
    case .orderedDictionary: "collections.OrderedDict"
    case .rebuildTensor: "torch._utils._rebuild_tensor_v2"
    case .rebuildParameter: "torch._utils._rebuild_parameter"
    case .storage(let type): "a torch storage of \(type.rawValue)"
    }
  }
}

/// A storage: contiguous values of one type, in the archive's entry `data/KEY`.
struct PickledStorage: Equatable {
  let type: SafetensorsType
  let key: String
  /// Number of elements.
  let count: Int
}

/// A tensor as a view of a storage, with offset and strides in elements.
struct PickledTensor: Equatable {
  let storage: PickledStorage
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}
