import Bytes
import Foundation
import TestSupport
import Testing

/// How the program is started: with closed standard streams, without a command, without /proc, with
/// little address space.
@Suite(.serialized) struct StartTests {
  let shop: Workshop
  var folder: TemporaryFolder { shop.folder }
  var ctpack: Program { shop.ctpack }

  init() throws { shop = try Workshop() }

  /// Without the check, a file of the program gets the number of a closed stream, and messages are
  /// written into it.
  @Test func closedStreamsChangeNoArtifact() throws {
    let whole = try ctpack("run", "small.yaml", "--out", "whole.ctpack", "--work", "whole.work")
    #expect(whole.status == 0, "\(whole.errors)")
    let digest = try shop.digest("whole.ctpack")
    let closings = [
      "2>&- >&-", "2>&-", "<&- >&- 2>&-", "2>&- >/dev/null", "<&-", ">&-", "<&- 2>&-",
    ]
    for (index, closing) in closings.enumerated() {
      let run = try ctpack.run(
        [
          "run", "small.yaml", "--memory", "1MiB", "--verbose", "--work", "w\(index)", "--out",
          "o\(index).ctpack",
        ], shell: "exec \(closing)")
      #expect(run.status == 0, "\(closing): \(run.errors)")
      #expect(try shop.digest("o\(index).ctpack") == digest, "\(closing)")
    }
    // A closed output takes nothing, and nothing else takes the number.
    try FileManager.default.copyItem(
      atPath: folder.file("whole.ctpack"), toPath: folder.file("copy.ctpack"))
    let compact = try ctpack.run(["compact", "copy.ctpack"], shell: "exec <&- >&- 2>&-")
    #expect(compact.status == 0)
    #expect(try shop.digest("copy.ctpack") == digest)
  }

  @Test func withoutACommandTheStatusIs64() throws {
    for arguments in [[], ["prompt"], ["recipe"]] {
      let result = try ctpack.run(arguments)
      #expect(result.status == 64, "\(arguments)")
      #expect(result.output.isEmpty, "\(arguments)")
      #expect(result.errors.contains("USAGE: ctpack"), "\(arguments): \(result.errors)")
    }
    let help = try ctpack("--help")
    #expect(help.status == 0 && help.output.contains("USAGE: ctpack"))
  }

  @Test func anArgumentThatIsNotUTF8Is64() throws {
    let result = try ctpack.run(
      ["inspect"], shell: "set -- \"$@\" \"$(printf 'a\\377b')\"")
    #expect(result.status == 64, "\(result.errors)")
    #expect(result.errors.contains("argument 2 isn't UTF-8"), "\(result.errors)")
  }

  /// Arguments arrive where /proc is empty, as in some containers. Needs user namespaces; where they
  /// are forbidden, the shell ends with 77 before the program starts.
  @Test func argumentsArriveWithoutProc() throws {
    let result = try ctpack.run(
      ["inspect", "none.ctpack"],
      shell: """
        unshare -rm sh -c 'mount -t tmpfs none /proc' 2>/dev/null || exit 77
        exec unshare -rm sh -c 'mount -t tmpfs none /proc && exec "$0" "$@"' "$0" "$@"
        """)
    if result.status == 77 { return }
    #expect(result.status == 66, "\(result.errors)")
    #expect(result.errors.contains("none.ctpack"), "\(result.errors)")
  }

  /// With any amount of address space a run ends, soon and with a sentence.
  @Test(arguments: [150_000, 250_000, 400_000, 600_000, 1_000_000])
  func littleAddressSpaceEndsTheRun(kilobytes: Int) throws {
    let running = try Program.Running(
      ["run", "small.yaml", "--quiet"], in: folder, shell: "ulimit -v \(kilobytes)")
    let until = ProcessUsage.clock + 120
    while running.isRunning, ProcessUsage.clock < until { usleep(20_000) }
    let hangs = running.isRunning
    if hangs { running.send(SIGKILL) }
    let result = running.wait()
    #expect(!hangs, "\(kilobytes) kB: still running after two minutes")
    // 127: the system's loader has no room for the libraries, and says so.
    #expect([0, 70, 71, 127].contains(result.status), "\(kilobytes) kB: \(result.errors)")
    #expect(result.status == 0 || !result.errors.isEmpty, "\(kilobytes) kB")
  }

  /// The first stop signal ends a run that has too little address space, whatever it is doing.
  @Test func aStopSignalEndsARunWithLittleAddressSpace() throws {
    let running = try Program.Running(
      ["run", "small.yaml"], in: folder, shell: "ulimit -v 500000")
    usleep(200_000)
    running.send(SIGTERM)
    let until = ProcessUsage.clock + 90
    while running.isRunning, ProcessUsage.clock < until { usleep(20_000) }
    let hangs = running.isRunning
    if hangs { running.send(SIGKILL) }
    _ = running.wait()
    #expect(!hangs, "the signal was swallowed")
  }

  /// Files that a killed process left, with numbers that a process of a container always has.
  @Test func leftoversOfKilledRunsAreRemoved() throws {
    #expect(try ctpack("run", "small.yaml").status == 0)
    let digest = try shop.digest("small.ctpack")
    try FileManager.default.removeItem(atPath: folder.file("small.ctpack"))
    let left = [
      "small.ctpack.1-1.partial", "small.ctpack.\(ProcessUsage.identifier)-1.partial",
      "small.ctpack.0123456789abcdef.partial",
    ]
    for name in left { try folder.write(name, "half") }
    let again = try ctpack("run", "small.yaml")
    #expect(again.status == 0, "\(again.errors)")
    #expect(try shop.digest("small.ctpack") == digest)
    for name in left { try folder.write(name, "half") }
    let compact = try ctpack("compact", "small.ctpack")
    #expect(compact.status == 0, "\(compact.errors)")
    #expect(!folder.names.contains { $0.hasSuffix(".partial") }, "\(folder.names)")
  }

  @Test func aWorkFolderIsCleaned() throws {
    #expect(try ctpack("run", "small.yaml").status == 0)
    try folder.write("small.yaml", Workshop.recipe(bits: 4))
    #expect(try ctpack("run", "small.yaml").status == 0)
    let digest = try shop.digest("small.ctpack")
    let shown = try ctpack("clean", "small.yaml", "--dry-run", "--json")
    #expect(shown.status == 0, "\(shown.errors)")
    #expect(shown.json["removed"] == false)
    let items = try #require(shown.json["items"]?.array)
    #expect(items.contains { $0["kind"]?.string == "record" })
    #expect(items.contains { $0["kind"]?.string == "object" })
    let cleaned = try ctpack("clean", "small.work", "--json")
    #expect(cleaned.status == 0 && cleaned.json["items"] == shown.json["items"])
    #expect(cleaned.json["removed"] == true)
    let page = try ctpack("clean", "small.work")
    #expect(page.status == 0 && page.output.hasPrefix("small.work: 0 items removed"), "\(page)")
    let again = try ctpack("run", "small.yaml")
    #expect(again.status == 0 && !again.errors.contains("begins"), "\(again.errors)")
    #expect(try shop.digest("small.ctpack") == digest)
    let none = try ctpack("clean", "model")
    #expect(none.status == 66 && none.errors.contains("nothing was built there"))
  }
}
