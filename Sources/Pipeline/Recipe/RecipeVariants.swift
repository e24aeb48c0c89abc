import Bytes
import Yams

/// The variants of a recipe: several builds that differ in a few fields, in one file:
///
///     compression: {bits: 4}
///     variants:
///       3bit: {compression: {bits: 3}}
///       sparse: {compression: {bits: ~, sparsity: 0.5}}
///
/// A variant's sections are merged into the recipe's field by field; `~` removes a field.
enum RecipeVariants {
  static let key = "variants"

  /// Returns the names of a recipe's variants, in file order.
  static func names(_ root: Node) -> [String] {
    guard case .mapping(let variants)? = value(of: key, in: root) else { return [] }
    return variants.compactMap { $0.key.string }
  }

  /// Returns the recipe with the variant `name` merged into it.
  ///
  /// - Throws: `usage` if there is no such variant, or if `name` is nil and the recipe has
  ///   variants; `invalidData` if the variants aren't mappings.
  static func choose(_ name: String?, from root: Node, file: String) throws(Failure) -> Node {
    guard case .mapping(let all) = root, let node = value(of: key, in: root) else {
      guard let name else { return root }
      throw Failure(
        .usage, file: file, "the recipe has no variants, but `\(name)` was requested",
        advice: "leave the variant out")
    }
    let place = node.mark.map { "line \($0.line)" }
    guard case .mapping(let variants) = node, !variants.isEmpty else {
      throw Failure(.invalidData, file: file, at: place, "variants: expected `name: {…}` pairs")
    }
    let names = variants.compactMap { $0.key.string }.joined(separator: ", ")
    guard let name else {
      throw Failure(
        .usage, file: file, at: place, "the recipe has variants",
        advice: "choose one of \(names)", reason: .variantNeeded)
    }
    guard let chosen = variants.first(where: { $0.key.string == name })?.value else {
      throw Failure(
        .usage, file: file, at: place, "there is no variant `\(name)`", advice: "it has \(names)")
    }
    guard case .mapping = chosen else {
      let own = chosen.mark.map { "line \($0.line)" }
      throw Failure(
        .invalidData, file: file, at: own, "variants.\(name): expected `name: value` pairs")
    }
    let base = all.filter { $0.key.string != key }.map { ($0.key, $0.value) }
    return laid(chosen, over: .mapping(Node.Mapping(base, all.tag, all.style, all.mark)))
  }

  private static func value(of key: String, in node: Node) -> Node? {
    guard case .mapping(let mapping) = node else { return nil }
    return mapping.first { $0.key.string == key }?.value
  }

  /// Merges the mapping `above` into `below`.
  private static func laid(_ above: Node, over below: Node) -> Node {
    guard case .mapping(let new) = above, case .mapping(let old) = below else { return above }
    var pairs = old.map { ($0.key, $0.value) }
    for (key, value) in new {
      let place = pairs.firstIndex { $0.0.string == key.string }
      if isNothing(value) {
        if let place { pairs.remove(at: place) }
      } else if let place {
        pairs[place] = (key, laid(value, over: pairs[place].1))
      } else {
        pairs.append((key, value))
      }
    }
    return .mapping(Node.Mapping(pairs, old.tag, old.style, old.mark))
  }

  private static func isNothing(_ node: Node) -> Bool {
    guard case .scalar(let scalar) = node else { return false }
    return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
  }
}
