#!/usr/bin/env python3
"""Makes the test vectors in vectors/ and their index, from container.md and packing.md alone.

usage: make_vectors.py [OUT]     (default: vectors/ beside this file)

The files are committed; `make check` makes them again and compares. Every file is either valid (a reader
must accept it) or invalid for one reason (a full check must find it), and index.tsv says why.
"""

import hashlib
import json
import os
import struct
import sys

import p256
from xxh3 import xxh3_128

BODY = 12288


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def header(major=1, minor=0, size=64, read=0, write=0, reserved=bytes(16)):
    head = b"\x89CTPK\r\n\x1a" + struct.pack("<HHIQQ", major, minor, size, read, write) + reserved
    return head + xxh3_128(head)


def record(generation, offset, table, length, head, xxh3=None):
    body = b"CTCOMMIT" + struct.pack("<QQQQ", generation, offset, len(table), length)
    body += (xxh3 or xxh3_128(table)) + hashlib.sha256(table).digest() + xxh3_128(head)
    return body + xxh3_128(body) + bytes(7) + b"\xa5"


class Section:
    """A section. `lies` overrides stored fields, to make an invalid file."""

    def __init__(self, type_id, layout, name, raw, attributes=None, read=0, write=0, optional=0,
                 stored=None, **lies):
        self.type, self.layout, self.name, self.raw = type_id, layout, name.encode(), raw
        self.attributes = canonical(attributes) if attributes else b""
        self.flags = (read, write, optional)
        self.codec = 0 if stored is None else 1
        self.stored = raw if stored is None else stored
        self.offset = 0
        self.lies = lies
        self.attributes = lies.get("attributes_text", self.attributes)
        self.name = lies.get("name_bytes", self.name)

    def entry(self):
        lie = self.lies.get
        return struct.pack(
            "<HHHHHBBIIIQQQ", self.type, self.layout, *self.flags, lie("codec", self.codec),
            lie("shift", 6), len(self.name), len(self.attributes), lie("reserved", 0),
            lie("offset", self.offset), len(self.stored), lie("raw_size", len(self.raw)),
        ) + lie("xxh3", xxh3_128(self.stored)) + lie("sha256", hashlib.sha256(self.raw).digest())


def table_bytes(generation, sections, free=(), count=None, extra=b"", sort=True):
    if sort:
        sections = sorted(sections, key=lambda s: (s.type, s.name))
    texts = b"".join(s.name + s.attributes for s in sections) + extra
    table = b"CTSTABLE" + struct.pack(
        "<QIIQ", generation, len(sections) if count is None else count, len(free), len(texts))
    table += b"".join(s.entry() for s in sections)
    return table + b"".join(struct.pack("<QQ", *extent) for extent in free) + texts


def pad(data, fill=b"\0"):
    return data + fill * (-len(data) % 64)


def build(sections, head=None, fill=b"\0", gap=0, alter_record=None, **table_options):
    """A bundle of generation 1 in canonical order."""
    head = head or header()
    data = head.ljust(BODY, b"\0")
    for section in sorted(sections, key=lambda s: (s.type, s.name)):
        if section.stored:
            data = pad(data, fill) + bytes(gap)
            section.offset = len(data)
            data += section.stored
    data = pad(data, fill)
    table = table_bytes(1, sections, **table_options)
    rec = record(1, len(data), table, len(data) + len(table), head)
    if alter_record:
        rec = alter_record(rec, len(data), table, len(data) + len(table), head)
    data += table
    return data[:8192] + rec + data[8192 + 128:]


def append(data, old, new, dropped, end_mark=True):
    """Generation 2 on top of `build(old)`: `new` sections added, those in `dropped` left as free extents."""
    head = data[:64]
    offset, size = struct.unpack("<QQ", data[8192 + 16:8192 + 32])
    # A free extent takes the padding around it: it reaches from the end of one kept section to the
    # start of the next.
    kept = sorted((s.offset, s.offset + len(s.stored)) for s in old if s not in dropped)
    gone = [offset] + [s.offset for s in dropped]
    starts, ends = [BODY] + [end for _, end in kept], [start for start, _ in kept] + [len(data)]
    free = [(a, b - a) for a, b in zip(starts, ends) if any(a <= g < b for g in gone)]
    body = data
    for section in new:
        body = pad(body)
        section.offset = len(body)
        body += section.stored
    body = pad(body)
    table = table_bytes(2, [s for s in old if s not in dropped] + new, free)
    rec = record(2, len(body), table, len(body) + len(table), head)
    if not end_mark:
        rec = rec[:100] + bytes(28)
    body += table
    return body[:4096] + rec + body[4096 + 128:]


# ---------------------------------------------------------------- copies for recovery

def backup_bytes(generation, offset, head, table):
    prefix = b"CTBACKUP" + struct.pack("<QQQ", generation, offset, len(table)) + head
    data = prefix + xxh3_128(prefix + table) + table
    return data + bytes(-len(data) % 4096)


def commit(data, generation, sections, new, kept=(), free=(), backup=None, copies=None):
    """`data` with a commit of `sections`: those in `new` and their copies, a backup, table and record. `kept` are copies that
    are there already; `backup` alters the content of the backup, `copies` the list of copies."""
    head = data[:64]
    for section in sorted(new, key=lambda s: (s.type, s.name)):
        if section.stored:
            data = pad(data)
            section.offset = len(data)
            data += section.stored
    data += bytes(-len(data) % 4096)
    at = len(data)
    made = [Section(42, 0, f"{s.type}:{s.name.decode()}", s.stored, write=0x8000)
            for s in sorted(new, key=lambda s: (s.type, s.name)) if 32 <= s.type <= 40 and s.stored]
    made = copies(made) if copies else made
    content = list(sections) + list(kept) + made
    offset = at + len(backup_bytes(generation, at, head, table_bytes(generation, content, free)))
    tail = b""
    for copy in made:
        tail = pad(tail)
        copy.offset = offset + len(tail)
        tail += copy.stored
    facts = {"generation": generation, "offset": at, "head": head, "table": table_bytes(generation, content, free)}
    raw = backup_bytes(**(facts | (backup(facts) if backup else {})))
    copy = Section(41, 0, "backup", raw, write=0x8000, shift=12)
    copy.offset = at
    data = pad(data + raw + tail)
    table = table_bytes(generation, content + [copy], free)
    rec = record(generation, len(data), table, len(data) + len(table), head)
    data += table
    slot = 4096 if generation % 2 == 0 else 8192
    return data[:slot] + rec + data[slot + 128:], made, copy


def with_copies(sections, **options):
    """A bundle of generation 1 with a backup and copies of its documents."""
    return commit(header().ljust(BODY, b"\0"), 1, sections, sections, **options)


def appended_with_copies():
    """Generation 2 on top of a bundle with copies: a prompt more."""
    old = documented()
    data, copies, backup = with_copies(old)
    last = max(s.offset + len(s.stored) for s in old)
    end = max(c.offset + len(c.stored) for c in copies)
    free = [(last, copies[0].offset - last), (end, len(data) - end)]
    new = [prompt("b")]
    return commit(data, 2, old + new, new, copies, free)[0]


def documented():
    """A tensor, a prompt and two documents."""
    return [dense(), prompt("a"), configuration(), Section(34, 5, "recipe", b"name: sample\n", optional=1)]


# ---------------------------------------------------------------- packing

def pack(codes, bits):
    out = b""
    for start in range(0, len(codes), 64):
        block = (codes[start:start + 64] + [0] * 64)[:64]
        if bits == 8:
            out += bytes(block)
        elif bits == 4:
            out += bytes(block[i] | block[32 + i] << 4 for i in range(32))
        else:
            out += bytes(sum((block[16 * k + i] & 3) << 2 * k for k in range(4)) for i in range(16))
            if bits == 3:
                out += sum((block[i] >> 2) << i for i in range(64)).to_bytes(8, "little")
    return out


def pack_rows(codes, columns, bits):
    return b"".join(pack(codes[i:i + columns], bits) for i in range(0, len(codes), columns))


def numbers(count, limit, seed):
    """Reproducible small integers."""
    return [(i * 2654435761 + seed * 40503 >> 7) % limit for i in range(count)]


def halves(count, seed):
    return struct.pack(f"<{count}e", *[(n + 1) / 16 for n in numbers(count, 12, seed)])


LAYOUT = {2: 16, 3: 17, 4: 18, 8: 19}


def packed(name, rows, columns, bits, group, symmetric=False, exponent=0, seed=1, **codes_lies):
    groups = -(-columns // group)
    attributes = {"shape": [rows, columns], "group_size": group, "symmetric": symmetric}
    if exponent:
        attributes["scale_exponent"] = exponent
    codes = pack_rows(numbers(rows * columns, 1 << bits, seed), columns, bits)
    sections = [
        Section(2, LAYOUT[bits], name, codes, attributes, **codes_lies),
        Section(3, 2, name, halves(rows * groups, seed)),
    ]
    if not symmetric:
        sections.append(Section(4, LAYOUT[bits], name, pack(numbers(rows * groups, 1 << bits, seed + 7), bits)))
    return sections


def masked(survivors=None):
    rows, columns = 2, 70
    kept = [n < 3 for n in numbers(rows * columns, 5, 3)]
    mask = b"".join(
        sum(k << i for i, k in enumerate(kept[r * columns:(r + 1) * columns])).to_bytes(16, "little")
        for r in range(rows))
    count = sum(kept)
    attributes = {"shape": [rows, columns], "group_size": 32, "symmetric": True,
                  "sparsity": {"kind": "bitmask", "survivors": survivors or count}}
    codes = pack(numbers(survivors or count, 8, 5), 3)
    return [Section(2, 17, "w", codes, attributes, read=1), Section(3, 2, "w", halves(rows * 3, 2)),
            Section(5, 32, "w", mask)]


def two_of_four(index=b"\x10\x00"):
    # One row of 9 columns: positions 0 1, then 1 2, then 0 in the short last group: ranks 0, 2, 0; 3 bits each.
    attributes = {"shape": [1, 9], "group_size": 9, "symmetric": True,
                  "sparsity": {"kind": "nm", "kept": 2, "of": 4}}
    return [Section(2, 18, "w", pack([1, 15, 7, 9, 8], 4), attributes, read=1),
            Section(3, 2, "w", halves(1, 2)), Section(6, 34, "w", index)]


def prompt(name="demo", values=(0.5, -1.0, 0.25, 2.0, 0.0, 1.5), ids=None, **lies):
    attributes = {
        "binding": {"base_model": "11" * 32, "tokenizer": "22" * 32, "weights": "33" * 32},
        "objective": "cross-entropy", "tokens": 2, "unvalidated": True, "validated_on": [], "width": 3}
    if ids:
        attributes["ids"] = ids
    return Section(16, 1, name, struct.pack(f"<{len(values)}f", *values), attributes, write=1, **lies)


def adapter(name, values, sizes, **lies):
    attributes = {"binding": {}, "objective": "cross-entropy", "unvalidated": True, "validated_on": []}
    return Section(17, 1, name, struct.pack(f"<{len(values)}f", *values), attributes | sizes, write=1, **lies)


def prefix(name="keys", values=(0.5, -1.0, 0.25, 2.0) * 3, **sizes):
    return adapter(name, values, {"kind": "prefix", "tokens": 1, "layers": 2, "width": 3} | sizes)


def lora(values=(0.5, -1.0, 0.25, 2.0, 1.0, -0.5, 0.0) * 2, outputs=3, **sizes):
    # Rank 2 beside the tensor w [3, 4].
    targets = [{"tensor": "w", "outputs": outputs, "inputs": 4}]
    return [Section(1, 1, "w", struct.pack("<12f", *range(12)), {"shape": [3, 4]}),
            adapter("low", values, {"kind": "lora", "rank": 2, "alpha": 4.0, "targets": targets} | sizes)]


def weights_digest(section):
    """The weights digest of a bundle whose only tensor is the dense one `section`."""
    return hashlib.sha256(
        b"ctpack weights 1\n" + struct.pack("<HHHHHI", section.type, section.layout, *section.flags, len(section.name)) + section.name
        + struct.pack("<I", len(section.attributes)) + section.attributes
        + struct.pack("<Q", len(section.raw)) + hashlib.sha256(section.raw).digest()).hexdigest()


def routing_key(owner, name=None, values=(0.5, -1.0, 0.25, 2.0, -0.125), **attributes):
    """A routing key of four numbers and a bias for the prompt or prefix `owner`."""
    attributes = {"width": 4, "prompt": hashlib.sha256(owner.raw).hexdigest(), "weights": weights_digest(dense()), "explained": 0.75} | attributes
    return Section(19, 1, name or owner.name.decode(), struct.pack(f"<{len(values)}f", *values), attributes, write=0x8001)


def dense(name="norm", values=(1.0, -2.0, 0.5), **lies):
    return Section(1, 1, name, struct.pack(f"<{len(values)}f", *values), {"shape": [len(values)]}, **lies)


def configuration(text=b'{"family":"llama","layers":1}', **lies):
    return Section(33, 4, "configuration", text, **lies)


def task(p=0.25, **members):
    """A task's results on twelve rows of twenty, two of which flipped."""
    flips = {"metric": "acc", "against": "full", "p": p, "right_to_wrong": [[3, 0, 1], [7, 2, 0]], "wrong_to_right": [], "wrong_to_wrong": []}
    return {"name": "t", "num_fewshot": 0, "rows_seen": 12, "rows_total": 20, "truncated": 0,
            "metrics": {"acc": {"value": 0.5, "stderr": 0.15}},
            "files": {"task": {"name": "t.yaml", "sha256": "11" * 32}, "rows": {"name": "rows.jsonl", "sha256": "22" * 32}},
            "flips": [flips], **members}


def evidence(name="auto", **members):
    """A bundle with a measurement over twelve windows, with one prompt for all or one chosen for each."""
    record = {"protocol": "ctp-64", "text": "t", "model": "compressed", "prompt": name, "ppl": 20.5, "ppl_stderr": 0.25,
              "nll": 2283.1, "scored_tokens": 756, "tokens": 800, "windows": 12, **members}
    return build([dense(), prompt("a"), prompt("b"), Section(36, 4, "evidence", canonical([record]), optional=1)])


def divergence(**members):
    """A divergence from the full model, with the members of an evidence record that go with it."""
    def distribution(mean, low, median, high):
        return {"mean": {"value": mean, "se": 0.01}, "min": low, "max": high,
                "percentiles": {"99.9": {"value": high}, "50": {"value": median, "se": 0.005}, "0.1": {"value": low}}}

    full = "11" * 32
    return {"tokenizer_sha256": "22" * 32, "arithmetic": "bfloat16", "ratio": 1.125, "ratio_se": 0.0078125, "ratio_model_sha256": full,
            "divergence": {"model_sha256": full, "ppl_base": {"value": 18.0, "se": 0.25}, "kl": distribution(0.125, 0.0, 0.0625, 2.5),
                           "dp": distribution(-0.03125, -0.75, -0.015625, 0.5), "dp_rms": {"value": 0.125, "se": 0.0078125},
                           "same_top": {"value": 0.875, "se": 0.015625}, "cor_ln_ppl": {"value": 0.96875, "se": 0.00390625},
                           "ln_ppl_ratio": {"value": 0.1171875, "se": 0.0078125}, "ppl_difference": {"value": 2.25, "se": 0.125}, **members}}


def similarity(**members):
    return {"model_sha256": "33" * 32, "attention": [1.0, 0.875], "activations": [0.75, -0.5], "attention_stderr": [0.0, 0.125],
            "activations_stderr": [0.25, 0.5], "prompt_share": [0.0, 0.5], **members}


def choice(a=5, b=7, **members):
    return {"rule": "attention", "windows": {"a": a, "b": b}, **members}


def listed(label, sections):
    """SHA-256 over the entries of `sections`, as the digests of section 7 list them."""
    hasher = hashlib.sha256(label.encode() + b"\n")
    for s in sorted(sections, key=lambda s: (s.type, s.name)):
        hasher.update(struct.pack("<HHHHHI", s.type, s.layout, *s.flags, len(s.name)) + s.name + struct.pack("<I", len(s.attributes))
                      + s.attributes + struct.pack("<Q", len(s.raw)) + hashlib.sha256(s.raw).digest())
    return hasher.hexdigest()


def tree_of(section):
    return {38: None, 36: "evidence", 37: "evidence"}.get(section.type, "prompts" if 16 <= section.type <= 31 else "weights")


def root(tree, sections):
    return listed(f"ctpack {tree} tree 1", [s for s in sections if tree_of(s) == tree])


SIGNER = 0x1234567890ABCDEF  # a secret for test vectors, which is none


def signature(of, sections, name=None, raw=None, secret=SIGNER, **members):
    """The signature of a tree of `sections`, whose evidence was measured with the prompt a."""
    key = hashlib.sha256(p256.public_key(secret)).hexdigest()
    statement = {"container": 1, "tree": of, "algorithm": "ecdsa-p256-sha256", "key": key, "root": root(of, sections)}
    if of != "weights":
        statement["weights"] = root("weights", sections)
    if of == "evidence":
        statement["prompts"] = {"a": listed("ctpack prompt 1", [s for s in sections if tree_of(s) == "prompts" and s.name == b"a"])}
    statement |= members
    made = p256.sign(secret, b"ctpack signature 1\n" + canonical(statement))
    return Section(38, 0, name or f"{of}:{key}", made if raw is None else raw, statement)


def signed(altered=None, sections=None, **changes):
    """A bundle with a signature of each tree, that of `altered` with `changes`; of `sections`, if given."""
    record = {"protocol": "ctp-64", "text": "t", "model": "compressed", "prompt": "a", "ppl": 20.5, "ppl_stderr": 0.25,
              "nll": 2283.1, "scored_tokens": 756, "tokens": 800, "windows": 12}
    content = [dense(), configuration(), prompt("a"), prompt("b"), Section(36, 4, "evidence", canonical([record]), optional=1)]
    return build(content + [signature(t, sections or content, **changes if t == altered else {})
                            for t in ("weights", "prompts", "evidence")])


def zstd_run(byte, count, stated=None):
    """A zstd frame of one RLE block (RFC 8878): `count` times `byte`, up to 65791."""
    stated = count if stated is None else stated
    size = bytes([0x20, stated]) if stated < 256 else b"\x60" + struct.pack("<H", stated - 256)
    return b"\x28\xb5\x2f\xfd" + size + (count << 3 | 1 << 1 | 1).to_bytes(3, "little") + bytes([byte])


def zstd_plain(content):
    """A zstd frame of raw blocks: it saves nothing, but every reader must accept it."""
    pieces = [content[i:i + 65536] for i in range(0, len(content), 65536)]
    blocks = b"".join((len(p) << 3 | (p is pieces[-1])).to_bytes(3, "little") + p for p in pieces)
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(content)) + blocks


def blocks(raw, transform=0, width=0, make=None, form=1, shift=0, base=0, size=6720, reserved=0, entry=None, tail=b""):
    """A section's stored bytes in coded blocks; `make` transforms block i's raw bytes, `entry` changes its index."""
    pieces = [raw[i:i + 6720] for i in range(0, len(raw), 6720)]
    stored = [zstd_plain(make(i, p) if make else p) if form else p for i, p in enumerate(pieces)]
    index = b"".join(struct.pack("<IBBH", *(entry or (lambda *e: e))(len(s), form, shift, base)) for s in stored)
    return struct.pack("<IBBH", size, transform, width, reserved) + index + b"".join(stored) + tail


def in_blocks(section, **options):
    """`section` with its bytes in coded blocks."""
    section.stored, section.codec = blocks(section.raw, **options), 2
    return section


def paired(raw):
    out = b""
    for run in range(0, len(raw), 24):
        low, high = raw[run:run + 16], int.from_bytes(raw[run + 16:run + 24], "little")
        for half in (0, 1):
            out += bytes(low[i] >> 4 * half & 15 | (high >> 32 * half + i & 1) << 4 | (high >> 32 * half + 16 + i & 1) << 5
                         for i in range(16))
    return out


def halved(raw, shift, base):
    words = [word - base & 0xFFFF for word in struct.unpack(f"<{len(raw) // 2}H", raw)]
    return bytes(w >> shift for w in words) + bytes(w & (1 << shift) - 1 for w in words)


def symbols(raw, width):
    number = int.from_bytes(raw, "little")
    return bytes(number >> at & (1 << width) - 1 for at in range(0, 8 * len(raw), width))


def by_zero(run, classes):
    """A transform of block i of a matrix whose runs of 64 codes, `run` bytes each, have the zero points `classes`."""
    def make(index, raw):
        own = classes[index * 6720 // run:][:len(raw) // run]
        order = sorted(range(len(own)), key=lambda i: own[i])
        runs = b"".join(raw[i * run:(i + 1) * run] for i in order)
        return paired(runs) if run == 24 else runs
    return make


def sorted_codes(bits, columns=3840, group=64, **options):
    """Five rows of codes in two blocks, sorted by the zero points of their groups."""
    sections = packed("w", 5, columns, bits, group)
    groups = -(-columns // group)
    zeros = numbers(5 * groups, 1 << bits, 8)
    classes = [zeros[row * groups + min(start + 32, columns - 1) // group]
               for row in range(5) for start in range(0, columns, 64)]
    in_blocks(sections[0], transform=1 if bits == 3 else 0, make=by_zero(8 * bits, classes), form=2, **options)
    return sections


def ranked(**options):
    """2 of 4 over many rows: 3-bit ranks, in symbols of 6 bits."""
    rows, ranks = 150, numbers(150 * 125, 6, 4)
    index = sum(rank << 3 * i for i, rank in enumerate(ranks)).to_bytes(-(-len(ranks) * 3 // 8), "little")
    attributes = {"shape": [rows, 500], "group_size": 500, "symmetric": True,
                  "sparsity": {"kind": "nm", "kept": 2, "of": 4}}
    section = Section(6, 34, "w", index)
    in_blocks(section, **{"transform": 3, "width": 6, "make": lambda _, raw: symbols(raw, 6), **options})
    return [Section(2, 16, "w", pack(numbers(rows * 250, 4, 2), 2), attributes, read=1),
            Section(3, 2, "w", halves(rows, 2)), section]


def sorted_survivors(kind):
    """Codes of survivors, sorted by the zero points of groups of 90: of a bitmask, or of 2 of 4."""
    rows, columns, group, groups = 9, 500, 90, 6
    if kind == "bitmask":
        kept = [n < 3 for n in numbers(rows * columns, 5, 3)]
        mask = b"".join(sum(k << i for i, k in enumerate(kept[r * columns:(r + 1) * columns])).to_bytes(64, "little")
                        for r in range(rows))
        places, part = [at for at, k in enumerate(kept) if k], Section(5, 32, "w", mask)
        sparsity = {"kind": "bitmask", "survivors": len(places)}
    else:
        places = [row * columns + start for row in range(rows) for start in range(0, columns, 4) for _ in range(2)]
        ranks = sum(rank << 3 * i for i, rank in enumerate(numbers(rows * 125, 6, 4)))
        part = Section(6, 34, "w", ranks.to_bytes(-(-rows * 125 * 3 // 8), "little"))
        sparsity = {"kind": "nm", "kept": 2, "of": 4}
    zeros = numbers(rows * groups, 8, 6)
    middles = [places[min(start + 32, len(places) - 1)] for start in range(0, len(places), 64)]
    classes = [zeros[at // columns * groups + at % columns // group] for at in middles]
    attributes = {"shape": [rows, columns], "group_size": group, "symmetric": False, "sparsity": sparsity}
    codes = Section(2, 17, "w", pack(numbers(len(places), 8, 5), 3), attributes, read=1)
    return [in_blocks(codes, transform=1, make=by_zero(24, classes), form=2), Section(3, 2, "w", halves(rows * groups, 2)),
            Section(4, 17, "w", pack(zeros, 3)), part]


def interleaved(of=None, rows=16, columns=64, group=64, bits=4, read=3, by=16, coded=False, **attributes):
    """Rows in tiles of sixteen: weight [r, c] has the code (r + c + 3) mod 2^bits, group g of row r the scale
    (r mod 8 + g + 1) / 16. Row r's group q of four columns has the rank (r + q + 2) mod 6 (2 of 4), or kept is where 3
    doesn't divide r + c (bitmask)."""
    pairs = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    groups = -(-columns // group)
    order = [(16 * t + i, 4 * q + c) for t in range(rows // 16) for q in range(columns // 4) for i in range(16) for c in range(4)]
    keep = lambda r, c: c % 4 in pairs[(r + c // 4 + 2) % 6] if of else (r + c) % 3 != 0
    kept = [at for at in order if keep(*at)]
    per_group = [(16 * t + i, g) for t in range(rows // 16) for g in range(groups) for i in range(16)]
    sparsity = {"kind": "nm", "kept": 2, "of": of} if of else {"kind": "bitmask", "survivors": len(kept)}
    attributes = {"shape": [rows, columns], "group_size": group, "symmetric": not coded, "sparsity": sparsity, **attributes}
    if by is not None:
        attributes["interleaved"] = by
    codes = pack([(r + c + 3) % (1 << bits) for r, c in kept], bits)
    scales = struct.pack(f"<{len(per_group)}e", *[(r % 8 + g + 1) / 16 for r, g in per_group])
    sections = [Section(2, LAYOUT[bits], "w", codes, attributes, read=read), Section(3, 2, "w", scales)]
    if coded:
        # All runs have one class, so that sorting them would change nothing.
        in_blocks(sections[0], form=2)
        sections.append(Section(4, LAYOUT[bits], "w", pack([5] * len(per_group), bits)))
    if of:
        ranks = sum((r + q + 2) % 6 << 3 * at for at, (r, q) in enumerate((r, c // 4) for r, c in order[::4]))
        return sections + [Section(6, 34, "w", ranks.to_bytes(-(-len(order) // 4 * 3 // 8), "little"))]
    mask = sum(keep(*at) << i for i, at in enumerate(order))
    return sections + [Section(5, 32, "w", mask.to_bytes(len(order) // 8, "little"))]


def coded_text(**options):
    return build([in_blocks(Section(39, 5, "licence", b"a text in one block " * 9), **options)])


def flip(data, at, mask=1):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def patched_record(generation=None, head=None, offset=None):
    def alter(_, table_offset, table, length, real_head):
        return record(generation or 1, offset or table_offset, table, length, head or real_head)
    return alter


def vectors():
    basic = lambda: [dense(), configuration()]
    yield "valid-empty", "no section at all: header, one commit record, an empty table", build([])
    yield "valid-basic", "a dense tensor and a JSON document", build(basic())
    for bits, columns, group in ((2, 70, 64), (3, 130, 48), (4, 33, 16), (8, 65, 65)):
        yield (f"valid-packed-{bits}", f"{bits}-bit codes, {columns} columns in groups of {group}, the last one short",
               build(packed("w", 3, columns, bits, group, seed=bits)))
    yield "valid-symmetric", "no zero points and a scale exponent", build(packed("w", 2, 64, 4, 64, True, -5))
    yield "valid-mask", "a bitmask; codes of the survivors only", build(masked())
    yield "valid-two-of-four", "n:m ranks with a short last group", build(two_of_four())
    yield "valid-prompts", "two prompts beside a tensor", build([dense(), prompt("a"), prompt("b")])
    yield "valid-adapters", "a prefix and low-rank parts beside a tensor", build(lora() + [prefix()])
    yield "valid-hard-prompt", "a prompt that says which tokens' embeddings it is", build([prompt(ids=[7, 300])])
    yield ("valid-routing-keys", "routing keys of a prompt and of a prefix",
           build([dense(), prompt(), prefix(), routing_key(prompt()), routing_key(prefix())]))
    run = Section(39, 5, "licence", b"a" * 300, stored=zstd_run(0x61, 300))
    yield "valid-zstd", "a text in a zstd frame of one run", build([run])
    yield "valid-empty-section", "a section of no bytes has offset 0", build([Section(39, 5, "licence", b"")])
    old = [dense(), prompt("a")]
    yield ("valid-appended", "generation 2: one prompt replaced by another, the old bytes as free extents",
           append(build(old), old, [prompt("b")], [old[1]]))
    old = [dense(), prompt("a")]
    yield ("valid-unfinished", "an append that was cut inside its commit record: generation 1 is in force",
           append(build(old), old, [prompt("b")], [], end_mark=False))
    yield "valid-tail", "bytes after the committed length belong to an edit that never got far", build(basic()) + b"\xee" * 99
    yield "valid-signed", "weights, prompts and evidence, each with a signature", signed("weights", time="2026-01-31T12:00:00Z")
    yield ("valid-unknown-type", "a section of an unknown type that nobody needs to understand",
           build(basic() + [Section(900, 0, "future", b"?", optional=0x8000)]))
    yield "valid-newer-minor", "a newer minor version is readable", build(basic(), head=header(minor=9))

    yield "valid-blocks", "a text in two coded blocks, the second one short", build([in_blocks(Section(39, 5, "licence", b"0123456789abcde\n" * 500))])
    yield "valid-blocks-plain", "blocks that are stored as they are", coded_text(form=0)
    pairs = packed("w", 7, 3840, 3, 60)
    in_blocks(pairs[0], transform=1, make=lambda _, raw: paired(raw))
    in_blocks(pairs[2], transform=1, make=lambda _, raw: paired(raw))
    yield "valid-blocks-pairs", "3-bit codes and zero points in pairs", build(pairs)
    half = packed("w", 4, 128, 4, 64, symmetric=True)
    in_blocks(half[1], transform=2, make=lambda _, raw: halved(raw, 6, 0x2C00), shift=6, base=0x2C00)
    yield "valid-blocks-halves", "scales as upper and lower parts", build(half)
    for bits, columns, group in ((2, 5120, 64), (3, 3840, 100), (4, 3000, 48)):
        yield (f"valid-blocks-sorted-{bits}", f"{bits}-bit codes sorted by the zero points of groups of {group}",
               build(sorted_codes(bits, columns, group)))
    for kind in ("bitmask", "nm"):
        yield f"valid-blocks-sorted-{kind}", f"survivors under {kind} sparsity, sorted by zero points", build(sorted_survivors(kind))
    yield "valid-blocks-symbols", "3-bit ranks in symbols of 6 bits", build(ranked())

    yield "valid-interleaved-mask", "interleaved rows beside a bitmask, two groups, the last one short", build(
        interleaved(rows=32, columns=192, group=128, bits=3))
    yield "valid-interleaved-two-of-four", "interleaved rows beside n:m ranks", build(interleaved(4))

    yield "valid-evidence-choice", "a perplexity with a prompt chosen for each window by its first 32 tokens", evidence(
        choice=choice(deciding=32), rest={"from": 32, "ppl": 19.5, "scored_tokens": 384})
    yield "valid-evidence-one", "a perplexity with one prompt, and that of the later tokens", evidence(
        "a", rest={"from": 32, "ppl": 19.5, "scored_tokens": 384})
    yield "valid-evidence-divergence", "a ratio to the full model's perplexity, and the divergence from it", evidence("a", **divergence())

    yield "valid-evidence-task", "a task's results, with the rows that flipped", evidence(None, windows=12, task=task())

    yield "valid-evidence-similarity", "a perplexity with the similarity of two blocks' inner values to the full model's", evidence(
        "a", similarity=similarity())

    yield "valid-copies", "a backup of header and table, and copies of two documents", with_copies(documented())[0]
    yield "valid-copies-appended", "generation 2 with a backup of its own; the copies of documents are kept", appended_with_copies()

    yield "header-magic", "the first byte is 0x88", flip(build(basic()), 0)
    yield "header-hash", "one bit of the minor version flipped, the hash left as it was", flip(build(basic()), 10)
    yield "header-major", "major version 2", build(basic(), head=header(major=2))
    yield "header-size", "header size 128", build(basic(), head=header(size=128))
    yield "header-read-flag", "an unknown file-wide read flag", build(basic(), head=header(read=4))
    yield "header-reserved", "a reserved byte that isn't zero", build(basic(), head=header(reserved=bytes(15) + b"\1"))
    yield "record-hash", "the only commit record has a flipped bit", flip(build(basic()), 8192 + 32)
    yield "record-slot", "generation 2 in slot 1", build(basic(), alter_record=patched_record(generation=2))
    yield "record-header", "the commit record belongs to another header", build(basic(), alter_record=patched_record(head=header(minor=3)))
    yield "record-outside", "the table would end beyond the committed length", build(basic(), alter_record=patched_record(offset=BODY + 4096))
    old = [dense(), prompt("a")]
    yield ("record-newest", "the newest of two commit records has a flipped bit: readable as generation 1, but damaged",
           flip(append(build(old), old, [prompt("b")], []), 4096 + 20))
    yield ("record-blank", "the older record of a bundle of generation 2 was overwritten with zeros",
           (lambda b: b[:8192] + bytes(128) + b[8320:])(append(build(old), old, [prompt("b")], [])))
    yield ("record-wiped", "the newest record was overwritten with zeros, the backup says that it was there",
           (lambda b: b[:4096] + bytes(128) + b[4224:])(appended_with_copies()))
    yield "record-none", "both slots are empty", build(basic())[:8192] + bytes(128) + build(basic())[8192 + 128:]
    yield "table-hash", "a flipped bit in the table", flip(build(basic()), len(build(basic())) - 1)
    yield "table-count", "more entries than the table has bytes for", build(basic(), count=1 << 20)
    yield "table-count-huge", "more entries than the format allows", build(basic(), count=0xFFFFFFFF)
    yield "table-order", "entries out of order", build([configuration(), dense()], sort=False)
    yield "table-twice", "the same type and name twice", build([dense(), dense()])
    yield "table-text", "a byte after the last text", build(basic(), extra=b"x")
    yield "table-overlap", "two sections on the same bytes", build([dense("a"), dense("b", offset=BODY)])
    yield "table-gap", "64 bytes that belong to nothing", build(basic(), gap=64)
    yield "table-name-control", "a name with a line feed", build([dense(name_bytes=b"a\nb")])
    yield "table-name-utf8", "a name that isn't UTF-8", build([dense(name_bytes=b"a\xff")])
    yield "table-attributes-spaces", "attributes that aren't canonical", build([dense(attributes_text=b'{"shape": [3]}')])
    yield "table-attributes-twice", "attributes with a key twice", build([dense(attributes_text=b'{"shape":[3],"shape":[3]}')])
    yield "table-reserved", "reserved bytes of an entry that aren't zero", build([dense(reserved=7)])
    yield "table-alignment", "alignment 2^17", build([dense(shift=17)])
    yield "table-codec", "an unknown codec", build([dense(codec=3)])
    yield "padding", "a padding byte that isn't zero", build([dense("a"), dense("b")], fill=b"\1")
    yield "padding-header", "a byte between header and commit records that isn't zero", flip(build(basic()), 1000)
    yield "truncated", "the last byte is missing", build(basic())[:-1]
    yield "truncated-records", "the file ends inside the second commit record", build(basic())[:8200]
    yield "section-xxh3", "a flipped bit in a section", flip(build(basic()), BODY)
    yield "section-sha256", "XXH3 is right, SHA-256 is not", build([dense(sha256=bytes(32))])
    yield "section-read-flag", "an unknown feature is needed to read a tensor", build([dense(read=4)])
    yield "section-type-needed", "an unknown type that a reader must understand", build(basic() + [Section(900, 0, "future", b"?", read=0x8000)])
    yield "zstd-bomb", "a raw size of more than 64 times the stored one", build([Section(39, 5, "licence", b"a" * 60000, stored=zstd_run(0x61, 60000))])
    yield "zstd-size", "the frame states another content size than the table", build([Section(39, 5, "licence", b"a" * 300, stored=zstd_run(0x61, 300, 299))])
    yield "zstd-content", "the frame holds less than it states", build([Section(39, 5, "licence", b"a" * 300, stored=zstd_run(0x61, 299, 300))])
    yield "zstd-two", "two frames where one is allowed", build([Section(39, 5, "licence", b"a" * 40, stored=zstd_run(0x61, 20) * 2)])
    yield "zstd-garbage", "no zstd frame at all", build([Section(39, 5, "licence", b"a" * 30, stored=b"not a frame")])
    yield "blocks-size", "blocks of a size that isn't a multiple of 6720", coded_text(size=4096)
    yield "blocks-size-zero", "blocks of no bytes", coded_text(size=0)
    yield "blocks-transform", "an unknown transform", coded_text(transform=4)
    yield "blocks-width", "symbols of 9 bits", build(ranked(width=9))
    yield "blocks-layout", "halves of a text", coded_text(transform=2, shift=8)
    yield "blocks-reserved", "reserved bytes of the header that aren't zero", coded_text(reserved=1)
    yield "blocks-header", "a section that ends inside the header of its blocks", build([Section(39, 5, "licence", b"abc", stored=bytes(7), codec=2)])
    yield "blocks-index", "a section that ends inside the index of its blocks", build([Section(39, 5, "licence", b"abc", stored=struct.pack("<IIII", 6720, 0, 10, 1)[:12], codec=2)])
    yield "blocks-none", "coded blocks of a section without bytes", build([Section(39, 5, "licence", b"", stored=struct.pack("<II", 6720, 0), codec=2)])
    yield "blocks-form", "a block of an unknown form", coded_text(entry=lambda s, f, *r: (s, 3, *r))
    yield "blocks-shift", "a shift where nothing is shifted", coded_text(shift=8)
    yield "blocks-shift-range", "halves cut at bit 9", build([half[0], in_blocks(Section(3, 2, "w", half[1].raw), transform=2, shift=9)])
    yield "blocks-beyond", "a block that ends behind its section", coded_text(entry=lambda s, *r: (s + 1, *r))
    yield "blocks-huge", "a block of nearly 2^32 bytes", coded_text(entry=lambda s, *r: (0xFFFFFFFF, *r))
    yield "blocks-empty", "a block that takes no bytes", coded_text(entry=lambda s, *r: (0, *r))
    yield "blocks-rest", "a byte after the last block", coded_text(tail=b"x")
    yield "blocks-plain-size", "a block as it is that is longer than its raw bytes", coded_text(form=0, entry=lambda s, *r: (s + 1, *r), tail=b"x")
    yield "blocks-content", "a frame that holds a byte less than its block", coded_text(make=lambda _, raw: raw[:-1])
    yield "blocks-content-long", "a frame that holds a byte more than its block", coded_text(make=lambda _, raw: raw + b"x")
    yield "blocks-two-frames", "two frames where one is allowed", coded_text(entry=lambda s, *r: (s + 10, *r), tail=zstd_run(0x61, 20))
    yield "blocks-sorted-text", "a text sorted by zero points", coded_text(form=2)
    yield "blocks-sorted-symmetric", "codes sorted by zero points that there aren't", build(
        [in_blocks(packed("w", 2, 128, 4, 64, True)[0], form=2), packed("w", 2, 128, 4, 64, True)[1]])
    lies = sorted_survivors("bitmask")
    yield "blocks-sorted-mask", "survivors sorted by zero points, with a mask that keeps fewer than are stored", build(
        lies[:3] + [Section(5, 32, "w", lies[3].raw[:64] + bytes(64 * 8))])
    yield "blocks-sorted-other", "codes in another order than their zero points say", build(
        sorted_codes(4)[:1] + packed("w", 5, 3840, 4, 64, seed=3)[1:])
    yield "blocks-sorted-interleaved", "interleaved rows sorted by zero points", build(interleaved(coded=True))
    yield "interleaved-flag", "interleaved rows without their flag", build(interleaved(read=1))
    yield "interleaved-attribute", "the flag of interleaved rows without the attribute", build(interleaved(by=None))
    yield "interleaved-eight", "rows interleaved by eight", build(interleaved(by=8))
    yield "interleaved-group", "interleaved rows in groups of 32", build(interleaved(group=32))
    yield "interleaved-columns", "interleaved rows of 96 columns", build(interleaved(columns=96))
    narrow = interleaved()
    narrow[0].attributes = narrow[0].attributes.replace(b"[16,64]", b"[8,128]")
    yield "interleaved-rows", "eight rows in tiles of sixteen", build(narrow)
    yield "interleaved-pattern", "interleaved rows beside ranks of 4 of 8", build(
        interleaved(4, sparsity={"kind": "nm", "kept": 4, "of": 8})[:2] + [Section(6, 34, "w", bytes(112))])
    plain = packed("w", 16, 64, 4, 64, True)
    plain[0] = Section(2, 18, "w", plain[0].raw, {"shape": [16, 64], "group_size": 64, "symmetric": True, "interleaved": 16}, read=2)
    yield "interleaved-whole", "interleaved rows that nothing is missing from", build(plain)
    yield "interleaved-dense", "interleaved rows of plain numbers", build([Section(
        1, 2, "w", halves(682, 1), {"shape": [16, 64], "interleaved": 16, "sparsity": {"kind": "bitmask", "survivors": 682}},
        read=3), interleaved()[2]])
    lone = packed("w", 2, 64, 4, 64)
    yield "tensor-no-scales", "codes without scales", build([lone[0], lone[2]])
    yield "tensor-no-zeros", "an asymmetric tensor without zero points", build(packed("w", 2, 64, 4, 64)[:2])
    yield "tensor-no-codes", "scales of a tensor that isn't there", build([lone[1]] + basic())
    short = packed("w", 2, 64, 4, 64)
    short[0] = Section(2, 18, "w", short[0].raw[:32], {"shape": [2, 64], "group_size": 64, "symmetric": False})
    yield "tensor-short", "codes for one row of two", build(short)
    dirty = packed("w", 1, 60, 4, 60, True)
    dirty[0] = Section(2, 18, "w", pack([1] * 64, 4), {"shape": [1, 60], "group_size": 60, "symmetric": True})
    yield "tensor-padding", "codes beyond the last column that aren't zero", build(dirty)
    nan = packed("w", 1, 64, 4, 64, True)
    nan[1] = Section(3, 2, "w", b"\x00\x7e")
    yield "tensor-scale-nan", "a scale that is no number", build(nan)
    yield "tensor-dense-infinite", "a dense value that is infinite", build([dense(values=(1.0, float("inf")))])
    yield "tensor-shape", "a shape with a dimension of 0", build([Section(1, 1, "x", b"", {"shape": [0]})])
    yield "tensor-shape-huge", "a shape whose product overflows", build([Section(1, 1, "x", b"", {"shape": [1 << 40, 1 << 40]})])
    yield "tensor-group", "groups wider than a row", build(packed("w", 1, 64, 4, 65, True))
    yield "tensor-bit-depth", "a packed tensor with a layout for JSON", build([Section(2, 4, "x", b"{}", {"shape": [1, 1], "group_size": 1, "symmetric": True})])
    yield "mask-count", "the mask keeps another number of weights than are stored", build(masked(survivors=70))
    part = masked()
    part[0].flags = (0, 0, 0)
    yield "mask-flag", "a masked tensor without the survivors-only flag", build(part)
    yield "mask-missing", "a masked tensor without its mask", build(masked()[:2])
    yield "ranks-none", "a rank that no combination has", build(two_of_four(b"\x16\x00"))
    yield "ranks-rest", "bits beyond the last rank that aren't zero", build(two_of_four(b"\x10\x80"))
    yield "prompt-nan", "a prompt value that is no number", build([dense(), prompt(values=(0.0,) * 5 + (float("nan"),))])
    yield "prompt-size", "a prompt with fewer values than tokens times width", build([dense(), prompt(values=(0.0,) * 5)])
    yield "prompt-ids", "a hard prompt with fewer ids than tokens", build([prompt(ids=[7])])
    def found(**lies):
        return build([dense(), prompt(), routing_key(prompt(), **lies)])
    yield "routing-key-size", "a routing key with fewer numbers than its width", found(width=5)
    yield "routing-key-nan", "a bias that is no number", found(values=(0.5,) * 4 + (float("nan"),))
    yield "routing-key-prompt", "a routing key of another prompt", found(prompt="44" * 32)
    yield "routing-key-none", "a routing key without its prompt", build([dense(), prompt("a"), routing_key(prompt("b"))])
    yield "routing-key-explained", "a routing key that explains more than all", found(explained=1.5)
    yield "routing-key-weights", "a routing key that was learned on other weights", found(weights="33" * 32)
    yield "adapter-kind", "an adapter of a kind that nobody knows", build([prefix(kind="prefixes")])
    yield "adapter-nan", "a prefix value that is no number", build([prefix(values=(float("nan"),) * 12)])
    yield "adapter-size", "a prefix with fewer values than its sizes ask for", build([prefix(layers=3)])
    yield "adapter-huge", "sizes whose product overflows", build([prefix(layers=1 << 24, tokens=1 << 24, width=1 << 24)])
    yield "adapter-name", "an adapter with the name of a prompt", build([prompt("keys"), prefix()])
    yield "adapter-target", "low-rank parts beside a tensor that isn't there", build(lora()[1:])
    yield "adapter-shape", "low-rank parts for a tensor of another shape", build(lora(values=(0.5,) * 16, outputs=4))
    yield "adapter-twice", "a tensor with two low-rank parts", build(lora(values=(0.5,) * 28, targets=[{"tensor": "w", "outputs": 3, "inputs": 4}] * 2))
    yield "evidence-choice-windows", "a choice for 13 windows of 12", evidence(choice=choice(b=8))
    yield "evidence-choice-prompts", "a choice among no prompts", evidence(choice={"rule": "attention", "windows": {}}, windows=0)
    yield "evidence-choice-negative", "a prompt chosen for a negative number of windows", evidence(choice=choice(a=-1, b=13))
    yield "evidence-choice-rule", "a choice that nobody made", evidence(choice={"windows": {"a": 12}})
    yield "evidence-choice-without", "a choice beside a measurement without a prompt", evidence(None, choice=choice())
    yield "evidence-choice-deciding", "a choice by no token", evidence(choice=choice(deciding=0))
    yield "evidence-rest", "more later tokens than tokens", evidence(rest={"from": 32, "ppl": 19.5, "scored_tokens": 757})
    yield "evidence-ppl", "a perplexity of 0", evidence(ppl=0)
    yield "evidence-ratio-model", "a ratio to a model that isn't named", evidence("a", ratio=1.125)
    yield "evidence-ratio-error", "a ratio with a negative error", evidence("a", **{**divergence(), "ratio_se": -0.5})
    yield "evidence-tokenizer", "a tokenizer's digest that is too short", evidence("a", tokenizer_sha256="22")
    yield "evidence-divergence-top", "a share of the same top token above 1", evidence("a", **divergence(same_top={"value": 1.5}))
    yield "evidence-divergence-kl", "a divergence without a median", evidence("a", **divergence(
        kl={"mean": {"value": 1}, "min": 0, "max": 2, "percentiles": {"99": {"value": 2}}}))
    yield "evidence-divergence-percentile", "a percentile above the largest value", evidence("a", **divergence(
        kl={"mean": {"value": 1}, "min": 0, "max": 2, "percentiles": {"50": {"value": 2.5}}}))
    yield "evidence-task-rows", "a task that answered more rows than its file has", evidence(None, task=task(rows_total=11))
    yield "evidence-task-metric", "a share of right rows above 1", evidence(None, task=task(metrics={"acc": {"value": 1.5, "stderr": 0}}))
    yield "evidence-task-files", "a task's rows without their digest", evidence(None, task=task(files={"rows": {"name": "rows.jsonl"}}))
    yield "evidence-task-flips", "more flipped rows than rows", evidence(None, task=task(rows_seen=1))
    yield "evidence-task-p", "a p-value above 1", evidence(None, task=task(p=2))
    yield "evidence-similarity-blocks", "similarities of two blocks and of one", evidence("a", similarity=similarity(activations=[0.5]))
    yield "evidence-similarity-range", "a cosine above 1", evidence("a", similarity=similarity(attention=[0.75, 1.25]))
    yield "backup-damaged", "a flipped bit in the backup", (lambda b, _, c: flip(b, c.offset + 70))(*with_copies(documented()))
    yield "backup-generation", "a backup of another generation", with_copies(documented(), backup=lambda f: {"generation": 2})[0]
    yield "backup-offset", "a backup that belongs elsewhere", with_copies(documented(), backup=lambda f: {"offset": f["offset"] + 4096})[0]
    yield "backup-header", "a backup of another header", with_copies(documented(), backup=lambda f: {"head": header(minor=3)})[0]
    yield "backup-table", "a backup of another table", with_copies(
        documented(), backup=lambda f: {"table": flip(f["table"], 32 + 95)})[0]
    def other(made):
        made[0] = Section(42, 0, made[0].name.decode(), b"{}", write=0x8000)
        return made
    yield "copy-other", "a copy of another configuration", with_copies(documented(), copies=other)[0]
    yield "copy-of-nothing", "a copy of a document that isn't there", with_copies(
        documented(), copies=lambda made: made + [Section(42, 0, "39:licence", b"a", write=0x8000)])[0]
    yield "json-canonical", "a document whose JSON isn't canonical", build([configuration(b'{"layers":1,"family":"llama"}')])
    yield "json-duplicate", "a document with a key twice", build([configuration(b'{"a":1,"a":1}')])
    yield "signature-root", "a signature of other prompts", signed("prompts", root="44" * 32)
    yield "signature-moved", "signed prompts beside other weights than they were signed with", signed("prompts", weights="44" * 32)
    yield "signature-replayed", "signatures of a bundle with another tensor", signed(sections=[dense(values=(1.0, 2.0, 0.5))])
    yield "signature-evidence", "signed evidence of another prompt a", signed("evidence", prompts={"a": "44" * 32})
    yield "signature-evidence-names", "signed evidence that names a prompt too few", signed("evidence", prompts={})
    yield "signature-swapped", "the weights' statement under the name of the prompts", signed("prompts", tree="weights")
    yield "signature-name", "a signature under the name of another key", signed("weights", name="weights:" + "44" * 32)
    yield "signature-size", "a signature of 63 bytes", signed("weights", raw=bytes(63))
    yield "signature-member", "a statement with a member that nobody knows", signed("weights", until="2026")
    yield "signature-time", "a statement with a time that is none", signed("weights", time="yesterday")
    yield "signature-base-model", "a statement with another base model than the provenance", signed("weights", base_model="44" * 32)
    yield "signature-tokenizer", "a statement with a tokenizer that isn't there", signed("weights", tokenizer="44" * 32)
    yield "signature-algorithm", "a statement with an unknown algorithm", signed("weights", algorithm="rsa")
    yield "signature-container", "a statement about another version of the format", signed("weights", container=2)
    yield "text-utf8", "a text that isn't UTF-8", build([Section(34, 5, "recipe", b"\xc3\x28")])


def main():
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
    folder = sys.argv[1] if len(sys.argv) > 1 else beside
    os.makedirs(folder, exist_ok=True)
    lines = []
    for name, why, data in vectors():
        with open(os.path.join(folder, name + ".ctpack"), "wb") as file:
            file.write(data)
        lines.append(f"{name}\t{'valid' if name.startswith('valid-') else 'invalid'}\t{why}\n")
    with open(os.path.join(folder, "index.tsv"), "w", encoding="utf-8") as file:
        file.writelines(lines)


if __name__ == "__main__":
    main()
