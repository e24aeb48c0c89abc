import Bytes
import TestSupport
import Testing

/// Limits of control groups on memory and processor time, from folders that look like the system's.
@Suite struct ControlGroupTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func group(_ membership: String?, _ files: [String: String]) throws -> ControlGroup? {
    if let membership { try folder.write("proc/self/cgroup", membership) }
    for (name, text) in files { try folder.write("sys/fs/cgroup/" + name, text + "\n") }
    return ControlGroup(root: folder.path)
  }

  @Test func theLowestLimitOfTheGroupAndItsAncestorsCounts() throws {
    let group = try #require(
      try group(
        "0::/user/build/job\n",
        [
          "user/build/job/memory.max": "max", "user/build/job/memory.high": "max",
          "user/build/memory.max": "3000000000", "user/memory.max": "8000000000",
        ]))
    #expect(group.memoryLimit == 3_000_000_000)
    #expect(ProcessUsage.availableMemory(in: group) <= 3_000_000_000)
  }

  @Test func memoryHighIsALimitToo() throws {
    let group = try #require(
      try group("0::/job\n", ["job/memory.max": "4000000000", "job/memory.high": "1500000000"]))
    #expect(group.memoryLimit == 1_500_000_000)
  }

  @Test func withoutALimitThereIsNone() throws {
    let group = try #require(try group("0::/job\n", ["job/memory.max": "max"]))
    #expect(group.memoryLimit == nil && group.memoryKills == nil)
    #expect(ProcessUsage.availableMemory(in: group) == ProcessUsage.availableMemory(in: nil))
  }

  @Test func theFirstVersionHasAHierarchyForMemory() throws {
    let group = try #require(
      try group(
        "5:cpu,cpuacct:/other\n4:memory:/docker/1f\n0::/docker/1f\n",
        [
          "memory/docker/1f/memory.limit_in_bytes": "2000000000",
          "memory/memory.limit_in_bytes": "9223372036854771712",
          "memory/docker/1f/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3",
          "docker/1f/memory.max": "7",
        ]))
    #expect(group.memoryLimit == 2_000_000_000)
    #expect(group.memoryKills == 3)
  }

  @Test func killsForLackOfMemoryAreCounted() throws {
    let events = "low 0\nhigh 12\nmax 9\noom 2\noom_kill 5\noom_group_kill 0"
    let group = try #require(try group("0::/job\n", ["job/memory.events": events]))
    #expect(group.memoryKills == 5)
  }

  /// A container may see the path of its group outside, but only its own group's files.
  @Test func aContainersRootIsItsOwnGroup() throws {
    let files = ["memory.max": "1000000000", "memory.events": "oom 1\noom_kill 1"]
    let outside = try #require(try group("0::/kubepods/pod7/1f\n", files))
    #expect(outside.memoryLimit == 1_000_000_000 && outside.memoryKills == 1)
  }

  @Test(arguments: [
    ("150000 100000", 1.5), ("max 100000", nil), ("50000 100000", 0.5), ("400000 100000", 4),
    ("0 0", nil), ("1", nil),
  ])
  func processorTimeIsCountedInProcessors(_ text: String, _ limit: Double?) throws {
    try folder.write("proc/self/cgroup", "0::/job\n")
    try folder.write("sys/fs/cgroup/job/cpu.max", text + "\n")
    let group = try #require(ControlGroup(of: .processor, root: folder.path))
    #expect(group.processorLimit == limit)
    let all = Parallel.processors(in: nil)
    #expect(Parallel.processors(in: group) == min(all, limit.map { Int($0.rounded(.up)) } ?? all))
  }

  @Test func theFirstVersionHasAHierarchyForProcessors() throws {
    try folder.write("proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/other\n")
    try folder.write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "250000\n")
    try folder.write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n")
    try folder.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    try folder.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    #expect(ControlGroup(of: .processor, root: folder.path)?.processorLimit == 2.5)
  }

  @Test func aLimitIsFoundWithoutProc() throws {
    let group = try #require(try group(nil, ["memory.max": "1000000000"]))
    #expect(group.memoryLimit == 1_000_000_000)
    #expect(ControlGroup(root: folder.file("nothing")) == nil)
  }
}
