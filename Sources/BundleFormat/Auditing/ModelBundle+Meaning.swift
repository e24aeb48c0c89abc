import Bytes
import Synchronization

/// The full check: SHA-256 of the raw bytes, and the rules of each section's type.
extension ModelBundle {
  func checkMeaning(skipping damaged: Set<Int>) -> [Problem] {
    let sections = stored
    let found = Mutex<[(index: Int, problems: [Problem])]>([])
    // Large sections first: one that starts last would keep a single thread busy at the end.
    let order = sections.indices.sorted { sections[$0].rawSize > sections[$1].rawSize }
    let documents = order.filter { sections[$0].type?.isDocument == true }
    let others = order.filter { sections[$0].type?.isDocument != true }
    @Sendable func check(_ index: Int) {
      if damaged.contains(index) { return }
      let problems = checkSection(sections[index])
      if !problems.isEmpty { found.withLock { $0.append((index, problems)) } }
    }
    // Documents one after another, beside the rest: the values of each may take memory of their own.
    Parallel.forEach(others.count + 1) { place in
      if place == 0 { documents.forEach(check) } else { check(others[place - 1]) }
    }
    var problems = found.withLock { $0.sorted { $0.index < $1.index } }.flatMap(\.problems)
    let unreadable = Set(damaged.map { sections[$0].name })
    problems += checkTensors(skipping: unreadable)
    problems += checkBindings()
    problems += checkProvenance()
    return problems
  }

  private func checkSection(_ section: Section) -> [Problem] {
    func problem(_ finding: String) -> [Problem] { [Problem(at: section.label, finding)] }
    do throws(Failure) {
      let bytes = try bytes(of: section)
      guard SHA256Digest(hashing: bytes) == section.sha256 else {
        return problem("its SHA-256 doesn't match its content")
      }
      guard section.type != nil else {
        return [Problem(.note, at: section.label, "holds what this program doesn't know")]
      }
      if let finding = try contentFault(of: section, bytes) { return problem(finding) }
      return staleness(of: section).map(problem) ?? []
    } catch {
      return problem((error.place.map { $0 + ": " } ?? "") + error.finding)
    }
  }

  /// The first rule of its type that a section's raw bytes break, as a clause; nil if they break none.
  /// Hashes aren't compared. Writers check with it what they are about to write.
  func contentFault(of section: Section, _ bytes: ByteSlice) throws(Failure) -> String? {
    guard let type = section.type else { return nil }
    guard section.layout.map({ type.kind.layouts.contains($0) }) ?? false else {
      return "layout \(section.layoutID) isn't allowed for its type"
    }
    if section.layout == .text, String(validating: bytes.array, as: UTF8.self) == nil {
      return "its text isn't UTF-8"
    }
    if let origin = section.attributes["made_by"] { _ = try SectionOrigin(json: origin) }
    return try type.kind.check(
      SectionContent(section: section, bytes: bytes, bundle: self))
  }
}
