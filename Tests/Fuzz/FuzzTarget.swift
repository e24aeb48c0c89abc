import Bytes
import Synchronization

/// A reader of untrusted bytes that is fuzzed. A target may refuse its input with a `Failure`, and
/// must not trap, run out of memory or time, or report a bug of the program.
enum FuzzTarget: String, CaseIterable {
  case container, safetensors, gguf, torch, pickle, tokenizer, pattern, json, recipe, policy, peft,
    task
  /// A trap that only coverage leads to; `fuzz` finds it first, or its other findings mean nothing.
  case trap

  static let current = Atomic<Int>(0)

  var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  static func run(_ input: [UInt8]) {
    let target = allCases[current.load(ordering: .relaxed)]
    // A trap may end the process before libFuzzer writes the input; `fuzz` keeps this copy.
    _ = ScratchInput.write(input, "input")
    do throws(Failure) {
      try target.read(input)
    } catch {
      require(error.kind != .internalError, "an internal error: \(error)")
      require(!error.finding.isEmpty, "a failure without a finding")
    }
  }

  private func read(_ input: [UInt8]) throws(Failure) {
    switch self {
    case .container: try ContainerTarget.read(input)
    case .safetensors: try CheckpointTargets.safetensors(input)
    case .gguf: try CheckpointTargets.gguf(input)
    case .torch: try CheckpointTargets.torch(input)
    case .pickle: try CheckpointTargets.torch(StoredZip.stateDict(pickle: input))
    case .tokenizer: try TextTargets.tokenizer(input)
    case .pattern: try TextTargets.pattern(input)
    case .json: try TextTargets.json(input)
    case .recipe: try RecipeTargets.recipe(input)
    case .policy: try RecipeTargets.policy(input)
    case .peft: try AdapterTarget.read(input)
    case .task: try TaskTarget.read(input)
    case .trap:
      // Four steps of 1 in 256: without guidance, thousands of millions of inputs.
      if input.first == 0x74, input.count > 3, input[1] == 0x72, input[2] == 0x61, input[3] == 0x70
      {
        fatalError("the trap is found")
      }
    }
  }
}

/// Ends the process, so that libFuzzer keeps the input, unless `condition` holds.
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}
