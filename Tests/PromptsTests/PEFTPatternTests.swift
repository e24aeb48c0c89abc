import Prompts
import Testing

/// Keys of `rank_pattern` and `alpha_pattern`, which PEFT matches as `re.match(r"(.*\.)?(KEY)$", name)`.
@Suite struct PEFTPatternTests {
  @Test(
    arguments: [
      ("q_proj", "model.layers.0.self_attn.q_proj", true), ("q_proj", "q_proj", true),
      ("q_proj", "model.layers.0.self_attn.xq_proj", false), ("q_proj", "proj", false),
      ("self_attn.q_proj", "model.layers.0.self_attn.q_proj", true),
      ("self_attn.q_proj", "model.layers.0.self_attnxq_proj", true),
      (#"self_attn\.q_proj"#, "model.layers.0.self_attnxq_proj", false),
      (#"self_attn\.q_proj$"#, "model.layers.0.self_attn.q_proj", true),
      ("^model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_proj", true),
      ("^layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_proj", false),
      ("layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_proj", true),
      ("layers.0.self_attn.q_proj", "model.layers.10.self_attn.q_proj", false),
    ])
  func matchesEndsOfNames(_ key: String, _ name: String, _ matches: Bool) throws {
    #expect(try #require(PEFTPattern(key)).matches(name) == matches)
  }

  @Test(arguments: ["", "^", "$", "q|k", "q.*", "(q)", "[qk]_proj", #"\d"#, "q+", #"q\"#])
  func otherExpressionsAreNoPatterns(_ key: String) {
    #expect(PEFTPattern(key) == nil)
  }
}
