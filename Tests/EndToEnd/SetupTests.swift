import Foundation
import TestSupport
import Testing

/// Libraries and tools that `make` needs from the system: `.ci/setup` installs them or names the
/// command, and the README lists them.
@Suite struct SetupTests {
  private func page(_ path: String) throws -> String {
    try String(contentsOfFile: RealModel.packageRoot + "/" + path, encoding: .utf8)
  }

  /// Runs `.ci/setup` where the only programs are `programs`, by name with their shell commands.
  private func setup(
    _ programs: [String: String], in folder: TemporaryFolder
  ) throws -> (status: Int32, errors: String) {
    try? FileManager.default.removeItem(atPath: folder.file("bin"))
    for (name, commands) in programs {
      try folder.write("bin/" + name, "#!/bin/sh\n" + commands + "\n")
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: folder.file("bin/" + name))
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [RealModel.packageRoot + "/.ci/setup"]
    process.environment = ["PATH": folder.file("bin")]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }

  /// pkg-config and Python are missing in any case, and whatever else this machine lacks.
  @Test func whatIsMissingIsInstalledOrNamed() throws {
    let folder = try TemporaryFolder()
    let log = folder.file("log")
    let install = "echo \"$@\" >> '\(log)'"
    let user = try setup(["swift": "", "id": "echo 1000", "apt-get": install], in: folder)
    #expect(user.status == 1)
    #expect(user.errors.contains("run: sudo apt-get update && sudo apt-get install"), "\(user)")
    #expect(user.errors.contains("pkg-config python3 python3-pip"), "\(user)")
    #expect(!FileManager.default.fileExists(atPath: log))

    let root = try setup(["swift": "", "id": "echo 0", "apt-get": install], in: folder)
    #expect(root.status == 0, "\(root)")
    let calls = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
    #expect(calls.count == 2 && calls.first?.hasPrefix("update") == true, "\(calls)")
    #expect(calls.last?.hasPrefix("install ") == true, "\(calls)")
    #expect(calls.last?.hasSuffix("pkg-config python3 python3-pip") == true, "\(calls)")

    let other = try setup(["swift": "", "id": "echo 0"], in: folder)
    #expect(other.status == 1 && other.errors.contains("package manager"), "\(other)")
    let none = try setup(["id": "echo 0", "apt-get": install], in: folder)
    #expect(none.status == 1 && none.errors.contains("no Swift toolchain found"), "\(none)")
  }

  @Test func theReadmeNamesWhatIsInstalled() throws {
    let readme = try page("README.md")
    let start = try #require(readme.firstRange(of: "`apt-get install "))
    let listed = readme[start.upperBound...].prefix { $0 != "`" }.split(separator: " ")
    let needed = try page(".ci/setup").split(separator: "\n").filter {
      $0.hasPrefix("need_file ") || $0 == "need_command pkg-config pkg-config"
    }.compactMap { $0.split(separator: " ").last }
    #expect(needed.count == 4)
    #expect(Set(listed) == Set(needed))
    let tools = try page("Package.swift").prefix { $0 != "\n" }
    #expect(tools == "// swift-tools-version: 6.2")
    #expect(readme.contains("a Swift toolchain, 6.2 or newer"))
  }

  @Test func theReadmeNamesEveryPackage() throws {
    let readme = try page("README.md")
    let start = try #require(readme.firstRange(of: "are fetched ("))
    let listed = readme[start.upperBound...].prefix { $0 != ")" }.split(separator: ", ")
    let pinned = try page("Package.swift").split(separator: "\n").filter {
      $0.contains(".package(url: ")
    }.compactMap { $0.split(separator: "\"").dropFirst().first?.split(separator: "/").last }
    #expect(pinned.count == 6)
    #expect(Set(listed) == Set(pinned))
  }
}
