import Bytes

extension Normalizer {
  /// The steps of the component at `place`, sequences flattened.
  static func read(_ place: JSONPlace, depth: Int = 0) throws(Failure) -> [Normalizer] {
    let type = try place.type()
    switch type {
    case "Sequence":
      var steps: [Normalizer] = []
      for part in try place.parts("normalizers", depth: depth) {
        steps += try read(part, depth: depth + 1)
      }
      return steps
    case "NFC", "NFD", "NFKC", "NFKD":
      return Form(rawValue: type).map { [.form($0)] } ?? []
    case "Lowercase": return [.lowercase]
    case "Prepend": return [.prepend(Array(try place.required("prepend").string().utf8))]
    case "Replace":
      return [
        .replace(
          try TextPattern(place.required("pattern")),
          with: Array(try place.required("content").string().utf8))
      ]
    case "Strip":
      return [
        .strip(
          left: try place.flag("strip_left", default: true),
          right: try place.flag("strip_right", default: true))
      ]
    case "StripAccents": return [.stripAccents]
    case "ByteLevel": return [.byteLevel]
    default: throw place.unsupported("normalizer", type)
    }
  }
}
