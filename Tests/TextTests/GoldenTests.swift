import Bytes
import Foundation
import Testing
import Text

@Suite("Agreement with Hugging Face tokenizers")
struct GoldenTests {
  @Test("ids and decoded text agree in the hard cases", arguments: Golden.names)
  func hardCases(name: String) throws {
    let tokenizer = try Golden.tokenizer(name)
    let expected = try Golden.json("\(name).expected.json")
    let rows = try expected.required("cases", as: [JSON].self)
    let cases = try Golden.hardCases()
    #expect(rows.count == cases.count && cases.count > 80)
    for (index, (bytes, row)) in zip(cases, rows).enumerated() {
      let ids = Golden.ids(row[0])
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(tokenizer.encode(bytes: bytes) == ids, "case \(index): \(text.debugDescription)")
      #expect(tokenizer.encode(text) == ids, "case \(index) as a string")
      let decoded = tokenizer.decode(ids, skipSpecialTokens: false)
      #expect(decoded.utf8.elementsEqual((row[1]?.string ?? text).utf8), "case \(index) decoded")
    }
  }

  @Test("the post-processor's tokens agree", arguments: Golden.names)
  func frame(name: String) throws {
    let expected = Golden.ids(try Golden.json("\(name).expected.json")["framed_hello"])
    let tokenizer = try Golden.tokenizer(name)
    #expect(tokenizer.encode("Hello", addSpecialTokens: true) == expected)
    #expect(tokenizer.canonicalJSON == (try Golden.bytes("\(name).tokenizer.json").array))
  }

  @Test("the word cache doesn't change ids: long texts give the ids of their parts")
  func cache() throws {
    let tokenizer = try Golden.tokenizer("digits")
    var text = ""
    for bytes in try Golden.hardCases() where !bytes.contains(0x3C) {
      text += String(decoding: bytes, as: UTF8.self) + ".\n"
    }
    let once = tokenizer.encode(text)
    #expect(text.utf8.count < 1 << 14)
    // No piece spans a line break between a full stop and a letter.
    let line = "x" + text
    let many = tokenizer.encode(String(repeating: line, count: 200))
    let single = tokenizer.encode(line)
    #expect(many == Array(repeatElement(single, count: 200).joined()))
    #expect(once.count > 1000)
  }

  @Test("streamed decoding gives the text of decoding at once", arguments: Golden.names)
  func streaming(name: String) throws {
    let tokenizer = try Golden.tokenizer(name)
    // Without a decoder, or if decoding strips per call, the parts don't add up to the text.
    guard name != "fused-unknown", name != "chain" else { return }
    for bytes in try Golden.hardCases() {
      let ids = tokenizer.encode(bytes: bytes)
      guard tokenizer.decode(ids, skipSpecialTokens: false).utf8.elementsEqual(bytes) else {
        continue
      }
      var decoder = StreamingDecoder(tokenizer, skipSpecialTokens: false)
      var text = ids.map { decoder.append($0) }.joined()
      text += decoder.finish()
      #expect(
        text.utf8.elementsEqual(bytes), "\(String(decoding: bytes, as: UTF8.self).debugDescription)"
      )
    }
  }

  @Test("a character of several tokens is returned whole, an incomplete one as U+FFFD")
  func streamedCharacter() throws {
    let tokenizer = try Golden.tokenizer("byte-level")
    let ids = try [0xF0, 0x9F, 0x98, 0x80].map { byte in
      let names = ["ð", "Ł", "ĺ", "Ģ"]
      return try #require(
        tokenizer.id(ofToken: names[[0xF0, 0x9F, 0x98, 0x80].firstIndex(of: byte) ?? 0]))
    }
    var decoder = StreamingDecoder(tokenizer)
    #expect(ids.map { decoder.append($0) } == ["", "", "", "😀"])
    #expect(decoder.append(ids[0]) == "")
    #expect(decoder.finish() == "\u{FFFD}")
    #expect(tokenizer.decode([-1, 100_000]) == "")
  }
}
