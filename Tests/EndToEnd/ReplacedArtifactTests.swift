import BundleFormat
import Bytes
import Foundation
import TestSupport
import Testing

/// Commands that write a whole bundle over one that somebody edited, or is editing.
@Suite struct ReplacedArtifactTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws {
    shop = try Workshop()
    #expect(try ctpack("run", "small.yaml").status == 0)
  }

  /// Adds a copy of the built prompt under another name.
  private func addPrompt(_ name: String, to file: String = "small.ctpack") throws {
    try BundleEditor.edit(folder.file(file)) { (edit) throws(Failure) in
      guard var prompt = try edit.bundle.adapter(named: "default") else {
        throw Failure(.usage, "there is no prompt to copy")
      }
      prompt.name = name
      edit.add(.adapter(prompt))
    }
  }

  private func names(_ file: String = "small.ctpack") throws -> [String] {
    try ModelBundle(path: folder.file(file)).adapters.map(\.name)
  }

  private func expectKept(
    _ status: Int32, _ words: [String], from arguments: [String], _ file: String = "small.ctpack"
  ) throws {
    let before = try folder.read(file)
    let result = try ctpack.run(arguments)
    #expect(result.status == status, "\(arguments): \(result.errors)")
    for word in words { #expect(result.errors.contains(word), "\(arguments): \(result.errors)") }
    #expect(try folder.read(file) == before, "\(arguments)")
    #expect(folder.names.allSatisfy { !$0.hasSuffix(".partial") })
  }

  @Test func anEditedArtifactIsNotRebuilt() throws {
    let built = try folder.read("small.ctpack")
    #expect(try ctpack("run", "small.yaml").status == 0)
    try addPrompt("mine")
    try expectKept(73, ["edited", "\"mine\"", "--force"], from: ["run", "small.yaml"])
    // Compacting makes it look like a new one.
    #expect(try ctpack("compact", "small.ctpack").status == 0)
    try expectKept(73, ["edited", "\"mine\"", "--force"], from: ["run", "small.yaml"])
    #expect(try ctpack("run", "small.yaml", "--out", "other.ctpack").status == 0)
    let forced = try ctpack("run", "small.yaml", "--force")
    #expect(forced.status == 0 && forced.errors.contains("replaced"), "\(forced.errors)")
    #expect(try folder.read("small.ctpack") == built)
    // Its own output, unedited, is replaced freely.
    try folder.write("small.yaml", Workshop.recipe(bits: 4))
    let rebuilt = try ctpack("run", "small.yaml")
    #expect(rebuilt.status == 0, "\(rebuilt.errors)")
    #expect(try folder.read("small.ctpack") != built)
  }

  /// A removed prompt is an edit too, although nothing of the bundle would be lost.
  @Test func aRemovedPromptDoesNotComeBack() throws {
    #expect(try ctpack("prompt", "remove", "small.ctpack", "default").status == 0)
    try expectKept(73, ["edited", "generation 2", "--force"], from: ["run", "small.yaml"])
  }

  @Test func copiesDoNotReplaceEditedBundles() throws {
    try folder.write("t.ctpack", try folder.read("small.ctpack"))
    let commands = [
      ["recode", "small.ctpack", "t.ctpack", "--storage", "coded"],
      ["compact", "small.ctpack", "--out", "t.ctpack"],
    ]
    for command in commands {
      #expect(try ctpack.run(command).status == 0, "\(command): it isn't edited")
    }
    try addPrompt("mine", to: "t.ctpack")
    for command in commands {
      try expectKept(73, ["edited", "\"mine\"", "--force"], from: command, "t.ctpack")
      let forced = try ctpack.run(command + ["--force"])
      #expect(forced.status == 0, "\(command): \(forced.errors)")
      #expect(try names("t.ctpack") == ["default"])
      try addPrompt("mine", to: "t.ctpack")
    }
    let useless = try ctpack("compact", "t.ctpack", "--force")
    #expect(useless.status == 64 && useless.errors.contains("--out"), "\(useless.errors)")
  }

  @Test func aBundleThatIsBeingEditedIsBusy() throws {
    // An unfinished edit's tail, so that the build's bytes are others.
    try folder.write("small.ctpack", try folder.read("small.ctpack") + [1])
    try folder.write("s.ctpack", try folder.read("small.ctpack"))
    try addPrompt("more", to: "s.ctpack")
    let editor = try EditableFile(path: folder.file("small.ctpack"))
    for command in [
      ["run", "small.yaml"], ["run", "small.yaml", "--force"],
      ["recode", "s.ctpack", "small.ctpack", "--storage", "coded"],
      ["compact", "s.ctpack", "--out", "small.ctpack", "--force"], ["compact", "small.ctpack"],
      ["prompt", "remove", "small.ctpack", "default"],
    ] {
      try expectKept(75, ["small.ctpack", "in use"], from: command)
    }
    _ = try editor.size
  }

  @Test func anArtifactBehindALinkStaysThere() throws {
    try folder.write("store/real.ctpack", try folder.read("small.ctpack"))
    try FileManager.default.removeItem(atPath: folder.file("small.ctpack"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("small.ctpack"), withDestinationPath: "store/real.ctpack")
    #expect(unsafe chmod(folder.file("store/real.ctpack"), 0o600) == 0)
    try folder.write("small.yaml", Workshop.recipe(bits: 4))
    let before = try folder.read("store/real.ctpack")
    let run = try ctpack("run", "small.yaml")
    #expect(run.status == 0, "\(run.errors)")
    try addPrompt("mine")
    #expect(try ctpack("compact", "small.ctpack").status == 0)
    #expect(try folder.read("store/real.ctpack") != before)
    #expect(try names("store/real.ctpack") == ["default", "mine"])
    var status = stat()
    #expect(unsafe lstat(folder.file("small.ctpack"), &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFLNK)
    #expect(unsafe stat(folder.file("small.ctpack"), &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
    #expect(TemporaryFolder.names(in: folder.file("store")) == ["real.ctpack"])
  }

  /// A lock that is a link would let its maker choose a file to be emptied.
  @Test func aLockThatIsALinkIsRefused() throws {
    let victim = try folder.write("victim", "precious")
    try FileManager.default.removeItem(atPath: folder.file("small.work/lock"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("small.work/lock"), withDestinationPath: victim)
    try expectKept(
      73, ["small.work/lock", "symbolic link"], from: ["run", "small.yaml"], "victim")
  }
}
