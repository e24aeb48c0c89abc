import Bytes

/// Descriptions of the tensors that a state dict's calls would build, as views of storages.
extension Pickle {
  func global(module: String, name: String) throws(Failure) -> PickleGlobal {
    if let known = PickleGlobal(module: module, name: name) { return known }
    throw refuse(
      "the global \((module + "." + name).quoted) isn't one that state dicts use",
      advice: Self.advice)
  }

  private func integerOf(_ value: Int, _ what: String) throws(Failure) -> Int {
    guard case .integer(let number) = values[value], number >= 0 else {
      throw refuse("\(what) isn't a non-negative integer")
    }
    return number
  }

  private func integers(_ value: Int, _ what: String) throws(Failure) -> [Int] {
    guard case .tuple(let items) = values[value], items.count <= 32 else {
      throw refuse("\(what) is \(values[value].kindName), not a tuple of at most 32 numbers")
    }
    var numbers: [Int] = []
    for item in items { numbers.append(try integerOf(item, what)) }
    return numbers
  }

  /// The storage of a persistent id: ("storage", type, key, device, elements), device ignored.
  func storage(_ identity: Int) throws(Failure) -> PickledStorage {
    guard case .tuple(let parts) = values[identity], parts.count == 5,
      case .text("storage") = values[parts[0]], case .global(.storage(let type)) = values[parts[1]],
      case .text(let key) = values[parts[2]], case .text = values[parts[3]]
    else { throw refuse("the persistent id doesn't describe a storage") }
    return PickledStorage(
      type: type, key: key, count: try integerOf(parts[4], "the size of a storage"))
  }

  /// Evaluates a call to a description of its result; nothing is run.
  mutating func reduce() throws(Failure) {
    let call = try pop(2)
    guard case .global(let function) = values[call[0]] else {
      throw refuse("the pickle calls \(values[call[0]].kindName)", advice: Self.advice)
    }
    guard case .tuple(let arguments) = values[call[1]] else {
      throw refuse("the pickle calls \(function.name) without a tuple of arguments")
    }
    switch function {
    case .orderedDictionary:
      guard arguments.isEmpty else { throw refuse("an OrderedDict is built from arguments") }
      try push(.dictionary([]))
    case .rebuildTensor: try push(.tensor(tensor(arguments)))
    case .rebuildParameter:
      guard arguments.count == 3, case .tensor = values[arguments[0]] else {
        throw refuse("a parameter isn't built from a tensor")
      }
      try push(known: arguments[0])
    case .storage: throw refuse("the pickle calls \(function.name)", advice: Self.advice)
    }
  }

  /// The tensor of (storage, offset, shape, strides, requires_grad, hooks[, metadata]).
  private func tensor(_ arguments: [Int]) throws(Failure) -> PickledTensor {
    guard arguments.count == 6 || arguments.count == 7,
      case .storage(let storage) = values[arguments[0]]
    else { throw refuse("a tensor isn't built from a storage") }
    if arguments.count == 7 {
      switch values[arguments[6]] {
      case .none: break
      case .dictionary(let items) where items.isEmpty: break
      default: throw refuse("a tensor has metadata, which would change its values")
      }
    }
    let shape = try integers(arguments[2], "a tensor's shape")
    let strides = try integers(arguments[3], "a tensor's strides")
    guard shape.count == strides.count else {
      throw refuse("a tensor has \(shape.count) dimensions with \(strides.count) strides")
    }
    return PickledTensor(
      storage: storage, offset: try integerOf(arguments[1], "a tensor's offset"), shape: shape,
      strides: strides)
  }

  /// Ignores a dictionary's attributes (`_metadata`: versions of modules), which no tensor needs.
  mutating func build() throws(Failure) {
    let parts = try pop(2)
    guard case .dictionary = values[parts[0]], case .dictionary = values[parts[1]] else {
      throw refuse(
        "the pickle sets attributes of \(values[parts[0]].kindName)", advice: Self.advice)
    }
    try push(known: parts[0])
  }
}
