import Builds
import Bytes
import Foundation
import TestSupport
import Testing

@Suite struct ArtifactTests {
  let folder: TemporaryFolder
  let store: Store
  let object: StoreObject

  init() throws {
    folder = try TemporaryFolder()
    let fake = try FakeBuild(folder)
    object = try #require(try fake.build().run().last?.outputs["third"])
    store = try Store(folder: folder.file("work"), create: false)
  }

  @Test func publishingReplacesOnlyDifferentBytes() throws {
    let out = folder.file("out")
    #expect(try Artifact.publish(object, from: store, to: out) == .created)
    #expect(SHA256Digest(hashing: try folder.read("out")) == object.digest)
    #expect(try Artifact.publish(object, from: store, to: out) == .unchanged)
    try folder.write("out", "edited")
    #expect(try Artifact.publish(object, from: store, to: out) == .replaced)
    #expect(SHA256Digest(hashing: try folder.read("out")) == object.digest)
  }

  /// Editing the artifact in place must not change the store's object.
  @Test func theArtifactIsACopyOfTheObject() throws {
    _ = try Artifact.publish(object, from: store, to: folder.file("out"))
    let inode = try FileIdentity(path: folder.file("out")).inode
    #expect(try FileIdentity(path: store.path(of: object)).inode != inode)
  }

  /// Judged by the lock, whatever the process numbers in earlier versions' names are.
  @Test func onlyTemporaryFilesOfKilledWritersAreRemoved() throws {
    let dead = ["out.1-1.partial", "out.0123456789abcdef.partial"]
    for name in dead { try folder.write(name, "dead") }
    try folder.write("out.\(ProcessUsage.identifier)-7.partial", "alive")
    let alive = try FileLock(path: folder.file("out.\(ProcessUsage.identifier)-7.partial"))
    try folder.write("out.notes.partial", "unrelated")
    _ = try Artifact.publish(object, from: store, to: folder.file("out"))
    let names = folder.names
    #expect(dead.allSatisfy { !names.contains($0) })
    #expect(names.contains("out.\(ProcessUsage.identifier)-7.partial"))
    #expect(names.contains("out.notes.partial"))
    withExtendedLifetime(alive) {}
  }

  @Test func unwritablePathsAreRefused() throws {
    #expect(throws: Failure.self) { try Artifact.checkWritable(folder.file("no/folder/x")) }
    #expect(throws: Failure.self) { try Artifact.checkWritable(folder.path) }
    try Artifact.checkWritable(folder.file("x"))
  }
}
