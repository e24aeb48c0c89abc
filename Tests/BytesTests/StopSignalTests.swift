import Bytes
import Foundation
import Testing

/// A stop signal always ends the process: at once, after the current step, or when its time is up.
@Suite struct StopSignalTests {
  @Test func beforeAnyCheckTheFirstSignalEndsTheProcess() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(130), observing: [\.standardErrorContent]
    ) {
      StopSignal.install(exitStatus: 130)
      raise(SIGTERM)
      exit(3)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("run the same command again"))
  }

  @Test func workThatChecksTheFlagEndsItsStep() async throws {
    await #expect(processExitsWith: .exitCode(0)) {
      StopSignal.install(exitStatus: 130)
      guard !StopSignal.isRequested else { exit(2) }
      raise(SIGTERM)
      // The time that is left to the step.
      let left = alarm(0)
      exit(StopSignal.isRequested && left > 0 && left <= StopSignal.patience ? 0 : 3)
    }
  }

  @Test func aStepThatTakesTooLongIsEnded() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(130), observing: [\.standardErrorContent]
    ) {
      StopSignal.install(exitStatus: 130)
      _ = StopSignal.isRequested
      raise(SIGTERM)
      // What the alarm does when the time is up.
      raise(SIGALRM)
      exit(3)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("takes too long"))
  }

  @Test func theSecondSignalEndsTheProcess() async throws {
    await #expect(processExitsWith: .exitCode(130)) {
      StopSignal.install(exitStatus: 130)
      _ = StopSignal.isRequested
      raise(SIGINT)
      raise(SIGINT)
      exit(3)
    }
  }

  @Test func refusedAddressSpaceEndsTheProcessWithASentence() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(71), observing: [\.standardErrorContent]
    ) {
      MemoryShortage.require(1 << 20)
      MemoryShortage.require(1 << 60)
      exit(3)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("too little memory"))
  }
}
