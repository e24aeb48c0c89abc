import Glibc

/// Runs libFuzzer on the target named by the first argument; the others are libFuzzer's. `fuzz`,
/// beside this file, knows each target's corpus and limits.
@main struct FuzzMain {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count > 1, let target = FuzzTarget(rawValue: arguments[1]) else {
      let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
      print("usage: ctpack-fuzz TARGET [libFuzzer's options and corpora]\ntargets: \(names)")
      exit(2)
    }
    FuzzTarget.current.store(target.number, ordering: .relaxed)
    // libFuzzer expects the program's name first; it is started anew for each target.
    var count = Int32(arguments.count - 1)
    let kept = [arguments[0]] + arguments.dropFirst(2)
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe kept.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    exit(
      unsafe pointers.withUnsafeMutableBufferPointer { buffer in
        var start = buffer.baseAddress
        return unsafe runDriver(&count, &start) { bytes, size in
          let input = unsafe UnsafeBufferPointer(start: bytes, count: size)
          FuzzTarget.run(unsafe Array(input))
          return 0
        }
      })
  }
}

/// libFuzzer's main loop (FuzzerDriver.cpp).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// libFuzzer's own mutations: returns the new size, at most `limit`.
@_silgen_name("LLVMFuzzerMutate")
func libFuzzerMutate(_ bytes: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int) -> Int

/// Called by libFuzzer for every mutation. Bundles are changed part by part, and their digests are
/// made right again, so that mutations reach what the digests protect.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(
  _ bytes: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int, _ seed: UInt32
) -> Int {
  let isBundle = FuzzTarget.current.load(ordering: .relaxed) == FuzzTarget.container.number
  guard isBundle, seed % 8 != 0, size <= limit else {
    return unsafe libFuzzerMutate(bytes, size, limit)
  }
  let input = unsafe UnsafeBufferPointer(start: bytes, count: size)
  var bundle = MutableBundle(unsafe Array(input))
  guard bundle.mutate(seed: seed / 8, limit: limit) else {
    return unsafe libFuzzerMutate(bytes, size, limit)
  }
  for (index, byte) in bundle.bytes.enumerated() { unsafe bytes[index] = byte }
  return bundle.bytes.count
}
