/// Recipes and options that together use every field and contain every kind of mistake.
extension RecipeFormTests {
  static let recipes: [(name: String, yaml: String)] = [
    ("least", ""),
    (
      "divergence",
      """
      evaluation: {text: test.raw, divergence: true}
      gate: {max_kl: 0.1, min_same_top: 0.9, margin_se: 2, test: {max_kl_p99_9: 3}}
      """
    ),
    (
      "all-of-a-soft-prompt",
      """
      name: whole
      seed: 7
      compression:
        method: rtn
        bits: 3
        group_size: row
        symmetric: yes
        act_order: false
        static_groups: no
        damping: 0.05
        range: clip
        embeddings: bf16
        true_sequential: false
        arithmetic: float32
        target_bits_per_weight: 3.2
        fail_on: [damping_raised, dead-columns]
      prompt:
        name: general
        arithmetic: float32
        tokens: 5
        steps: 1_000
        batch: 2
        length: 32
        learning_rate: 1e-2
        warmup: 4
        schedule: cosine
        weight_decay: 0.25
        clip_norm: 2
        seed: 9
        init: vocabulary
        objective: mix
        kl_share: 0.25
        teacher_top: 32
        optimiser: adafactor
        accumulate: 3
        patience: 4
        sink: <s>
        key_values: false
        text: test.raw
        validation: {text: dev.txt, windows: 3, every: 10}
      evaluation:
        - {text: dev.txt, name: dev, protocol: ctp-1024, seqlen: 48, windows: 6, arithmetic: bfloat16}
        - text: train.txt
      gate:
        max_ratio_to_full: 2
        min_gap_closed: -1
        dev: {max_ppl: 30.5}
      package: {storage: coded}
      output: out.ctpack
      memory: 1.5GiB
      """
    ),
    ("soft-defaults", "prompt: {validation: {text: dev.txt}}"),
    ("kl", "seed: 3\nprompt: {objective: kl, steps: 7, validation: {text: dev.txt}}"),
    ("kl-whole", "prompt: {objective: kl, teacher_top: 0, validation: {text: dev.txt}}"),
    ("mix", "prompt: {objective: mix, steps: 90000, validation: {text: dev.txt}}"),
    ("mix-none", "prompt: {objective: mix, kl_share: 0, validation: {text: dev.txt}}"),
    ("init-text", "prompt: {init_text: be brief, validation: {text: dev.txt}}"),
    (
      "init-from",
      "prompt: {init_from: {bundle: other.ctpack, prompt: news}, validation: {text: dev.txt}}"
    ),
    (
      "init-from-the-only",
      "prompt: {kind: prefix, init_from: {bundle: other.ctpack}, validation: {text: dev.txt}}"
    ),
    ("prefix", "prompt: {kind: prefix, tokens: 6, init: first, validation: {text: dev.txt}}"),
    ("lora", "prompt: {kind: lora, rank: 4, validation: {text: dev.txt, windows: 2}}"),
    (
      "lora-all",
      "prompt: {kind: lora, alpha: 3, targets: all, validation: {text: dev.txt}}"
    ),
    (
      "lora-some",
      "prompt: {kind: lora, targets: [self_attn.v_proj, fc2, out_proj, v], validation: {text: dev.txt}}"
    ),
    ("hard", "prompt: {kind: hard, hard_text: be brief, arithmetic: float32}"),
    ("hard-without", "prompt: {name: h, kind: hard, hard_text: be brief, key_values: no}"),
    (
      "rules",
      """
      compression:
        drift: gptaq
        first_order: 0.1
        sparsity: 50%
        repair_steps: 3
        output_head: q8
        rules:
          - {match: "*.down_proj", drift: qep, bits: 8}
          - {match: "*.o_proj", drift: none, first_order: 0, sparsity: none}
          - {match: "*.q_proj", drift_strength: 1, group_size: 16}
          - {match: "*.k_proj", method: magnitude, first_order: 0, sparsity: 2:4, damping: 0}
          - {match: "*.v_proj", bits: none, values: bf16}
          - {match: "model.layers.0.*", leave: true}
          - {match: "*.up_proj", act_order: false, range: min-max, symmetric: true}
      """
    ),
    ("wanda", "compression: {method: wanda, bits: none, sparsity: 0.5}"),
    ("sparse", "compression: {method: sparsegpt, bits: none, sparsity: 4:8, values: f32}"),
    ("magnitude", "compression: {method: magnitude, bits: 4, sparsity: 0.625, repair_steps: 0}"),
    (
      "rounded",
      "compression: {method: rtn, bits: 2, rules: [{match: a, bits: 4}, {match: b, method: gptq}]}"
    ),
    ("weak-drift", "compression: {drift: qep, drift_strength: 0.75, embeddings: q4}"),
    (
      "calibration",
      "compression: {bits: 8}\nevaluation: {text: test.raw}\ngate: {test: {min_gap_closed: 0.5}}\n"
        + "prompt: {validation: {text: dev.txt, every: 3}, warmup: 0}"
    ),
  ]

  static let options = [
    "name=a;text=@train.txt;validation.text=@dev.txt",
    "name=a;text=@train.txt;validation.text=@dev.txt;steps=12;tokens=50;learning_rate=0.01;"
      + "validation.every=20;validation.windows=4",
    "kind=lora;targets=[q, v, up];rank=16;text=@train.txt;validation.text=@dev.txt",
    "init_from.bundle=@other.ctpack;init_from.prompt=news;text=@train.txt;validation.text=@dev.txt",
    "objective=kl;text=@train.txt;validation.text=@dev.txt;seed=5;patience=3",
    "kind=hard;hard_text=be brief",
    "kind=prefix;init=vocabulary;text=@train.txt;validation.text=@dev.txt;optimiser=adafactor",
  ]

  static let wrongOptions: [(field: String, value: String)] = [
    ("tokns", "3"), ("rank", "4"), ("validation.evry", "4"), ("steps", "0"),
    ("init_from.bundle", "gone.ctpack"), ("targets", "[q"), ("learning_rate", "fast"),
    ("name", "b"),
  ]

  static let mistakes: [(name: String, yaml: String)] = [
    (
      "ranges",
      """
      model: model
      seed: -1
      calibration:
        text: train.txt
        windows: 0
        length: 1048577
        selection: randm
        seed: x
      compression:
        method: gptqq
        bits: 65
        group_size: 0
        symmetric: 1
        act_order: maybe
        static_groups: 2
        damping: 1.5
        range: clib
        sparsity: half
        repair_steps: 1001
        drift: qpe
        drift_strength: 2
        first_order: -0.1
        embeddings: q9
        output_head: f17
        true_sequential: 7
        arithmetic: float16
        target_bits_per_weight: 0.5
        fail_on: [smoke]
        rules:
          - {bits: 3}
          - {match: a, leave: true, bits: 3}
          - {match: b, bitz: 3}
      """
    ),
    (
      "prompt-ranges",
      """
      model: model
      calibration: {text: train.txt}
      prompt:
        name: a/b
        arithmetic: int
        tokens: 0
        steps: 100000001
        batch: 0
        accumulate: 65537
        length: 1
        optimiser: adam
        learning_rate: 0
        warmup: -1
        schedule: linea
        weight_decay: 1.5
        clip_norm: 0
        seed: -3
        patience: 1000001
        init: given
        objective: klx
        kl_share: 2
        teacher_top: 4097
        key_values: 3
        validation: {windows: 0, every: 0, text: none.txt}
      """
    ),
    (
      "lora-ranges",
      """
      model: model
      calibration: {text: train.txt}
      prompt:
        kind: lora
        rank: 0
        alpha: 0
        targets: [q, w]
        sink: a
        init: text
        tokens: 4
        key_values: true
        hard_text: b
        validation: {text: dev.txt}
      """
    ),
    (
      "hard-with-others",
      """
      model: model
      calibration: {text: train.txt}
      prompt:
        kind: hard
        steps: 4
        text: train.txt
        validation: {text: dev.txt}
        objective: kl
        sink: a
        rank: 3
      """
    ),
    (
      "warmup",
      "model: model\ncalibration: {text: train.txt}\n"
        + "prompt: {steps: 10, warmup: 11, validation: {text: dev.txt}}"
    ),
    (
      "starts",
      """
      model: model
      calibration: {text: train.txt}
      prompt:
        init: first
        init_text: a
        init_from: {bundel: other.ctpack}
        validation: {}
      """
    ),
    (
      "elsewhere",
      """
      model: {path: model, nam: x}
      calibration: {}
      evaluation:
        - {text: none.raw, seqlen: 1, windows: 0, arithmetic: x, protcol: y}
        - 3
        - {name: b}
      gate:
        max_ppl: 0.5
        max_ratio_to_full: -1
        min_gap_closed: 1
        b: {max_pl: 3}
        c: {}
      package: {storage: codd, stor: 1}
      output: ${NOWHERE}/x
      memory: lots
      nam: x
      """
    ),
    (
      "values",
      "model: model\ncalibration: {text: train.txt}\n"
        + "compression: {bits: 3, values: f16, rules: [{match: a, values: f16}]}"
    ),
    (
      "nothing",
      "model: model\ncalibration: {text: train.txt}\ncompression: {bits: none}"
    ),
    (
      "unsparse",
      "model: model\ncalibration: {text: train.txt}\ncompression: {method: wanda, repair_steps: 3}"
    ),
    (
      "repair",
      "model: model\ncalibration: {text: train.txt}\ncompression: {repair_steps: 3}"
    ),
    (
      "rules-between-fields",
      """
      model: model
      calibration: {text: train.txt}
      compression:
        act_order: true
        static_groups: false
        rules:
          - {match: a, method: rtn, range: clip-weighted}
          - {match: b, sparsity: 4:2}
          - {match: c, sparsity: 2}
          - {match: d, method: rtn, drift: gptaq}
          - {match: e, method: rtn, first_order: 0.5, drift: none}
          - {match: f, group_size: none}
      """
    ),
    ("unknown", "model: model\ncalibration: {text: train.txt, qqqqqqq: 1}\nprompt: {zzzzzzzz: 1}"),
  ]
}
