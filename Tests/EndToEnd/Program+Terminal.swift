import Bytes
import Foundation
import TestSupport
import Testing

extension Program {
  /// The device that makes terminals; some containers have none.
  private static let terminals = "/dev/ptmx"

  /// Whether `onTerminal` works here.
  static let hasTerminals = FileManager.default.isWritableFile(atPath: terminals)

  /// Runs the program with a terminal as its standard output.
  ///
  /// - Returns: the exit status, and what the terminal got, with line feeds as the program wrote them.
  func onTerminal(_ arguments: [String]) throws -> (status: Int32, output: String) {
    // Not inherited by processes of other tests, which would keep the terminal open.
    let flags = O_RDWR | O_NOCTTY | O_CLOEXEC
    let master = unsafe open(Self.terminals, flags)
    try #require(master >= 0)
    defer { close(master) }
    // TIOCSPTLCK and TIOCGPTN, which unlock the terminal and give its number (ioctl_tty(2)).
    var (lock, number) = (Int32(0), Int32(0))
    try #require(unsafe ioctl(master, 0x4004_5431, &lock) == 0)
    try #require(unsafe ioctl(master, 0x8004_5430, &number) == 0)
    let slave = unsafe open("/dev/pts/\(number)", flags)
    try #require(slave >= 0)
    // The terminal must not turn line feeds into "\r\n".
    var settings = termios()
    try #require(unsafe tcgetattr(slave, &settings) == 0)
    settings.c_oflag &= ~tcflag_t(OPOST)
    try #require(unsafe tcsetattr(slave, TCSANOW, &settings) == 0)

    let process = Process()
    process.executableURL = URL(fileURLWithPath: Program.path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
    process.standardError = FileHandle.nullDevice
    try process.run()
    close(slave)
    // Reading fails when the last process that has the terminal open ends.
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe read(master, &piece, piece.count)
      if count > 0 {
        output += piece.prefix(count)
      } else if count == 0 || errno != EINTR {
        break
      }
    }
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
