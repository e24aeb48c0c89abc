import Bytes
import Checkpoints
import Evaluation
import Text

extension TaskTokenizer {
  /// The functions of `tokenizer` that tasks use. BOS and EOS come from the tokenizer, or else from the model's
  /// configuration.
  package init(_ tokenizer: Tokenizer, for configuration: ModelConfiguration) {
    let end = tokenizer.eosToken ?? configuration.eosTokens.first
    let prefix = tokenizer.bosToken ?? configuration.bosToken ?? end
    self.init(
      encode: { tokenizer.encode($0, addSpecialTokens: $1) }, decode: { tokenizer.decode($0) },
      prefix: prefix, prefixText: prefix.flatMap { tokenizer.token($0) }, end: end)
  }
}
