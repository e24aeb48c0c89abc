import Bytes

extension Failure.Kind {
  /// The program's exit status. Values from 64 on follow BSD's `sysexits.h`; 130 is 128 plus SIGINT's
  /// number, as shells report it.
  var exitStatus: Int32 {
    switch self {
    case .notMet: 1
    case .usage: 64
    case .invalidData: 65
    case .inputMissing: 66
    case .internalError: 70
    case .outOfMemory: MemoryShortage.exitStatus
    case .cannotCreate: 73
    case .io: 74
    case .busy: 75
    case .interrupted: 130
    }
  }
}
