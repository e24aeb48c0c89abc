import Bytes
import Checkpoints
import Testing

/// Output heads of folders whose config.json says that the head is the embedding.
@Suite struct OutputHeadTests {
  private static let (embedding, head) = ("model.embed_tokens.weight", "lm_head.weight")

  /// The tied golden model with other tensors.
  private func folder(
    _ change: (inout [String: (shape: [Int], values: [Float])]) throws -> Void
  ) throws -> TemporaryFolder {
    let source = try Checkpoint.open(Golden.path("llama-tied"))
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    for name in source.tensorNames {
      tensors[name] = (try #require(source.shape(of: name)), try source.tensor(name).values)
    }
    try change(&tensors)
    let folder = try TemporaryFolder(copying: "llama-tied")
    try SafetensorsWriter.write(tensors, to: folder.path + "/model.safetensors")
    return folder
  }

  @Test func aHeadThatDiffersIsUsed() throws {
    let folder = try folder {
      let embedding = try #require($0[Self.embedding])
      var values = embedding.values
      values[values.count - 1] += 1
      $0[Self.head] = (embedding.shape, values)
    }
    let source = try Checkpoint.open(folder.path)
    #expect(!source.configuration.tiedEmbeddings)
    #expect(source.tensorNames.last == Self.head)
    let (head, embedding) = (
      try source.tensor(Self.head).values, try source.tensor(Self.embedding).values
    )
    #expect(head.dropLast() == embedding.dropLast() && head.last == (embedding.last ?? 0) + 1)
    let note = try #require(source.notes.first)
    #expect(note.contains("tie_word_embeddings") && note.contains("lm_head.weight"))
  }

  @Test func aHeadThatRepeatsTheEmbeddingIsTied() throws {
    let folder = try folder { $0[Self.head] = $0[Self.embedding] }
    let source = try Checkpoint.open(folder.path)
    #expect(source.configuration.tiedEmbeddings && source.notes.isEmpty)
    #expect(!source.tensorNames.contains(Self.head) && source.shape(of: Self.head) == nil)
  }

  @Test func aHeadAloneIsTheEmbedding() throws {
    let tied = try Checkpoint.open(Golden.path("llama-tied"))
    let folder = try folder {
      $0[Self.head] = $0[Self.embedding]
      $0[Self.embedding] = nil
    }
    let source = try Checkpoint.open(folder.path)
    #expect(source.configuration == tied.configuration)
    #expect(source.tensorNames == tied.tensorNames)
    #expect(try source.tensor(Self.embedding).values == tied.tensor(Self.embedding).values)
  }

  @Test func aHeadOfAnotherShapeIsRefused() throws {
    let folder = try folder {
      let embedding = try #require($0[Self.embedding])
      let width = embedding.shape[1]
      $0[Self.head] = (
        [embedding.shape[0] - 1, width], Array(embedding.values.dropLast(width))
      )
    }
    expectFailure(.invalidData, "tensor \"lm_head.weight\": has shape") {
      _ = try Checkpoint.open(folder.path)
    }
  }
}
