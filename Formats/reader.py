#!/usr/bin/env python3
"""A second, plain reader of .ctpack bundles, written from container.md and packing.md alone.

It shares no code with the Swift reader, and is written to be obvious rather than fast: if the two
disagree, one of them misreads the specification. Standard library only; sections compressed with zstd need
either Python's `compression.zstd` (3.14), the module `zstandard`, or the program `zstd`.

  reader.py FILE               what the bundle holds
  reader.py FILE --json        the same as JSON
  reader.py FILE --check       every check the specification asks for; exit 65 with one line per finding
  reader.py FILE --check --key PUB.pem   also that every signature is by this ECDSA P-256 key
  reader.py FILE --tensor NAME the tensor's values as float32, little-endian, on standard output
  reader.py FILE --section TYPE NAME   a section's raw bytes on standard output
"""

import argparse
import base64
import hashlib
import json
import math
import re
import struct
import subprocess
import sys

import p256
from xxh3 import xxh3_128

MAGIC = bytes([0x89, 0x43, 0x54, 0x50, 0x4B, 0x0D, 0x0A, 0x1A])
RECORDS = (4096, 8192)
BODY = 12288
# Section types by id: name and allowed layouts. CHECKS, after Bundle, has the checks of their content.
KINDS = {
    1: ("tensorDense", "f32 f16 bf16"), 2: ("tensorCodes", "planar2 planar3 planar4 planar8"),
    3: ("tensorScales", "f16"), 4: ("tensorZeros", "planar2 planar3 planar4 planar8"),
    5: ("tensorMask", "bitmask"), 6: ("tensorIndex", "nm"),
    16: ("prompt", "f32"), 17: ("adapter", "f32"), 18: ("promptKeyValues", "f16"), 19: ("promptRoutingKey", "f32"),
    32: ("tokenizer", "json raw text"), 33: ("modelConfiguration", "json"), 34: ("recipe", "text"),
    35: ("provenance", "json"), 36: ("evidence", "json"), 37: ("events", "json"), 38: ("signature", "raw"),
    39: ("licence", "text"), 40: ("ledger", "json"), 41: ("backup", "raw"), 42: ("documentCopy", "raw"),
}
TYPES = {number: name for number, (name, _) in KINDS.items()}
# Copies for recovery, which are no content.
COPIES = (41, 42)
# Types that are computed from a section of the same name, and the types of that section.
OWNERS = {18: (16,), 19: (16, 17)}
LAYOUTS = {
    0: "raw", 1: "f32", 2: "f16", 3: "bf16", 4: "json", 5: "text",
    16: "planar2", 17: "planar3", 18: "planar4", 19: "planar8", 32: "bitmask", 34: "nm",
}
PLANAR_BITS = {16: 2, 17: 3, 18: 4, 19: 8}
DENSE_BYTES = {1: 4, 2: 2, 3: 2}
KNOWN_READ_FLAGS = 0x8003
NO_DUPLICATES = "duplicate key"


class Invalid(Exception):
    """A violation of the specification."""


def need(condition, finding):
    if not condition:
        raise Invalid(finding)


# ---------------------------------------------------------------- JSON

def parse_json(text):
    """Strict JSON: no duplicate keys, no NaN or Infinity."""
    def unique(pairs):
        keys = [key for key, _ in pairs]
        need(len(set(keys)) == len(keys), NO_DUPLICATES)
        return dict(pairs)

    def refuse(word):
        raise Invalid(f"{word} is no JSON")
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"JSON: {error}") from None


def canonical_json(value):
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


# ---------------------------------------------------------------- zstd

def zstd_content_size(frame):
    """The content size a zstd frame states (RFC 8878, 3.1.1.1), None where it states none."""
    need(len(frame) >= 6 and frame[:4] == b"\x28\xb5\x2f\xfd", "not a zstd frame")
    descriptor = frame[4]
    size_flag, single, dictionary = descriptor >> 6, descriptor >> 5 & 1, descriptor & 3
    at = 5 + (0 if single else 1) + (0, 1, 2, 4)[dictionary]
    width = (1 if single else 0, 2, 4, 8)[size_flag]
    if width == 0:
        return None
    need(at + width <= len(frame), "not a zstd frame")
    size = int.from_bytes(frame[at:at + width], "little")
    return size + 256 if width == 2 else size


def zstd_decompress(frame, size):
    need(zstd_content_size(frame) == size, f"the zstd frame doesn't state a content of {size} bytes")
    try:
        from compression import zstd  # Python 3.14
        content = zstd.decompress(frame)
    except ImportError:
        try:
            import zstandard
            content = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
        except ImportError:
            result = subprocess.run(["zstd", "-dcq"], input=frame, capture_output=True, check=False)
            need(result.returncode == 0, "the zstd frame is corrupt")
            content = result.stdout
    except Exception:
        raise Invalid("the zstd frame is corrupt") from None
    need(len(content) == size, f"the zstd frame holds {len(content)} bytes, not {size}")
    return content


# ---------------------------------------------------------------- coded blocks

def unpair(pairs):
    """Pairs of 3-bit codes, 32 bytes, to 64 planar codes, 24 bytes."""
    low = bytes(pairs[i] & 15 | (pairs[16 + i] & 15) << 4 for i in range(16))
    high = 0
    for i in range(16):
        for half in (0, 1):
            for bit in (0, 1):
                high |= (pairs[16 * half + i] >> 4 + bit & 1) << 32 * half + 16 * bit + i
    return low + high.to_bytes(8, "little")


def join_halves(parts, shift, base):
    count = len(parts) // 2
    return struct.pack(f"<{count}H", *[base + (parts[i] << shift) + parts[count + i] & 0xFFFF for i in range(count)])


def join_symbols(symbols, width, size):
    number = sum((symbol & (1 << width) - 1) << width * i for i, symbol in enumerate(symbols))
    return (number & (1 << 8 * size) - 1).to_bytes(size, "little")


def restore_runs(data, size, classes):
    """Runs of `size` bytes sorted by class, back in their order."""
    runs = [None] * len(classes)
    for place, run in enumerate(sorted(range(len(classes)), key=lambda run: classes[run])):
        runs[run] = data[place * size:(place + 1) * size]
    return runs


def decode_blocks(section, stored, classes):
    """The raw bytes of a section with codec 2; `classes` gives the zero point of every run of 64 codes."""
    label = section.label
    need(len(stored) >= 8, f"{label}: its coded blocks end inside their header")
    size, kind, width, reserved = struct.unpack("<IBBH", stored[:8])
    need(6720 <= size <= 1 << 24 and size % 6720 == 0, f"{label}: coded blocks of {size} bytes")
    need((kind in (0, 1, 2) and width == 0 or kind == 3 and 5 <= width <= 7) and reserved == 0,
         f"{label}: transform {kind} {width}")
    raw_size, layout = section.raw_size, section.layout
    need((kind != 1 or layout == 17 and raw_size % 24 == 0) and (kind != 2 or layout in (2, 3) and raw_size % 2 == 0)
         and (kind != 3 or layout == 34), f"{label}: transform {kind} on {raw_size} bytes of layout {layout}")
    need(raw_size > 0, f"{label}: coded blocks of nothing")
    count = -(-raw_size // size)
    at, out = 8 + 8 * count, []
    need(at <= len(stored), f"{label}: it ends inside its index")
    entries = [struct.unpack("<IBBH", stored[8 + 8 * i:16 + 8 * i]) for i in range(count)]
    for index, (taken, form, shift, base) in enumerate(entries):
        raw = min(size, raw_size - index * size)
        where = f"{label}: coded block {index}"
        need(form <= 2 and taken > 0 and at + taken <= len(stored), f"{where}: form {form}, {taken} bytes")
        need(4 <= shift <= 8 if form and kind == 2 else shift == base == 0, f"{where}: shift {shift}, base {base}")
        block = stored[at:at + taken]
        at += taken
        if form == 0:
            need(taken == raw, f"{where}: {taken} bytes for {raw}")
            out.append(block)
            continue
        content = zstd_decompress(block, (raw, raw // 24 * 32, raw, -(-raw * 8 // (width or 1)))[kind])
        if form == 2:
            need(section.type == 2 and layout in (16, 17, 18) and not section.read_flags & 2, f"{where}: sorted by zero points")
            run = 8 * PLANAR_BITS[layout]
            zeros = classes()
            need(index * size % run == 0 and raw % run == 0 and raw_size == run * len(zeros), f"{where}: its zero points")
            own = zeros[index * size // run:(index * size + raw) // run]
            runs = restore_runs(content, 32 if kind == 1 else run, own)
        else:
            runs = [content[i:i + 32] for i in range(0, len(content), 32)] if kind == 1 else [content]
        if kind == 1:
            runs = map(unpair, runs)
        elif kind == 2:
            runs = [join_halves(content, shift, base)]
        elif kind == 3:
            runs = [join_symbols(content, width, raw)]
        out.append(b"".join(runs))
    need(at == len(stored), f"{label}: bytes after its last coded block")
    return b"".join(out)


# ---------------------------------------------------------------- container

class Section:
    def __init__(self, entry, name, attributes):
        (self.type, self.layout, self.read_flags, self.write_flags, self.optional_flags, self.codec,
         shift, _, _, reserved, self.offset, self.stored_size, self.raw_size) = struct.unpack(
             "<HHHHHBBIIIQQQ", entry[:48])
        self.xxh3, self.sha256 = entry[48:64], entry[64:96]
        self.name, self.attribute_bytes = name, attributes
        label = self.label = f"{TYPES.get(self.type, f'type {self.type}')} \"{name}\""
        need(self.codec in (0, 1, 2), f"{label}: unknown codec {self.codec}")
        need(6 <= shift <= 16, f"{label}: alignment 2^{shift}")
        need(reserved == 0, f"{label}: reserved bytes aren't zero")
        self.alignment = 1 << shift
        need(self.offset % self.alignment == 0, f"{label}: offset {self.offset} isn't aligned")
        need(self.offset + self.stored_size < 1 << 63, f"{label}: its extent overflows")
        if self.codec == 0:
            need(self.raw_size == self.stored_size, f"{label}: raw and stored size differ")
        else:
            need(self.raw_size <= 64 * self.stored_size, f"{label}: raw size {self.raw_size} is a bomb")
        self.attributes = {}
        if attributes:
            self.attributes = parse_json(attributes)
            need(isinstance(self.attributes, dict) and self.attributes
                 and canonical_json(self.attributes) == attributes,
                 f"{label}: its attributes aren't a canonical JSON object")


class Bundle:
    def __init__(self, data):
        self.data = data
        self.notes = []
        self.damage = []
        self.read_header()
        self.read_records()
        self.read_table()
        self.check_cover()
        self.sections = [s for s in self.all_sections if s.type not in COPIES]
        self.check_blank()

    def read_header(self):
        data = self.data
        need(data[:8] == MAGIC, "byte 0: not a ctpack bundle")
        need(len(data) >= 64, "the file ends inside the header")
        need(xxh3_128(data[:48]) == data[48:64], "header: its hash doesn't match")
        major, self.minor, size, read, self.write_flags = struct.unpack("<HHIQQ", data[8:32])
        need(major == 1, f"header: container version {major}")
        need(size == 64, f"header: header size {size}")
        need(read == 0, f"header: unknown read flags {read:#x}")
        need(not any(data[32:48]), "header: reserved bytes aren't zero")
        self.header_hash = xxh3_128(data[:64])

    def read_records(self):
        valid, self.blank = [], None
        for slot, offset in enumerate(RECORDS):
            record = self.data[offset:offset + 128]
            if not any(record):
                self.blank = slot
                continue
            if len(record) == 128 and record[127] == 0:
                self.notes.append(f"commit record {slot}: an edit was cut short")
                continue
            finding = self.record_problem(slot, record)
            if finding:
                self.damage.append(f"commit record {slot}: {finding}")
            else:
                valid.append(struct.unpack("<QQQQ", record[8:40]) + (record[40:56], record[56:88]))
        valid.sort(reverse=True)
        need(valid, "; ".join(["no valid commit record"] + self.damage))
        if len(valid) == 2:
            need(valid[0][0] - valid[1][0] == 1, "the generations don't follow each other")
        (self.generation, self.table_offset, self.table_size, self.length, self.table_xxh3,
         self.table_sha256) = valid[0]
        need(self.length <= len(self.data), f"the file ends at {len(self.data)}, not at {self.length}")
        if len(self.data) > self.length:
            self.notes.append(f"{len(self.data) - self.length} bytes of an unfinished edit at the end")

    def check_blank(self):
        """A blank record that must have been written once."""
        if self.blank is None:
            return
        if self.generation > 1:
            self.damage.append(f"commit record {self.blank}: blank beside generation {self.generation}")
        elif any(generation == 2 for generation, _, _ in backups(self.data, self.length)):
            self.damage.append(f"commit record {self.blank}: blank, but generation 2 was written")

    def record_problem(self, slot, record):
        if len(record) < 128:
            return "the file ends inside it"
        if record[127] != 0xA5:
            return "its end mark is wrong"
        if xxh3_128(record[:104]) != record[104:120]:
            return "its hash doesn't match"
        if record[:8] != b"CTCOMMIT" or any(record[120:127]):
            return "its magic or its reserved bytes are wrong"
        generation, offset, size, length = struct.unpack("<QQQQ", record[8:40])
        if max(offset, size, length) >= 1 << 63:
            return "a number is out of range"
        if generation < 1 or generation % 2 != slot:
            return f"generation {generation} in slot {slot}"
        if record[88:104] != self.header_hash:
            return "it belongs to another header"
        if offset < BODY or offset % 64 or not 32 <= size <= 1 << 28 or offset + size > length:
            return "its table doesn't lie inside the file"
        return None

    def read_table(self):
        table = self.table = self.data[self.table_offset:self.table_offset + self.table_size]
        need(xxh3_128(table) == self.table_xxh3 and hashlib.sha256(table).digest() == self.table_sha256,
             "section table: its hash doesn't match")
        magic, generation, count, free_count, text_size = struct.unpack("<8sQIIQ", table[:32])
        need(magic == b"CTSTABLE" and generation == self.generation, "section table: wrong magic or generation")
        need(count <= 1 << 20 and free_count <= 1 << 20, "section table: too many entries")
        free_start = 32 + 96 * count
        text = free_start + 16 * free_count
        need(text + text_size == len(table), "section table: its counts don't add up to its size")
        self.all_sections = []
        for index in range(count):
            entry = table[32 + 96 * index:128 + 96 * index]
            name_size, attribute_size = struct.unpack("<II", entry[12:20])
            need(1 <= name_size <= 1024 and attribute_size <= 1 << 24
                 and text + name_size + attribute_size <= len(table), f"entry {index}: its texts are too long")
            try:
                name = table[text:text + name_size].decode("utf-8")
            except UnicodeDecodeError:
                raise Invalid(f"entry {index}: its name isn't UTF-8") from None
            need(all(ord(c) >= 32 and ord(c) != 127 for c in name), f"entry {index}: control characters")
            text += name_size
            section = Section(entry, name, table[text:text + attribute_size])
            text += attribute_size
            if self.all_sections:
                last = self.all_sections[-1]
                need((last.type, last.name.encode()) < (section.type, section.name.encode()),
                     f"entry {index}: out of order or there twice")
            need(section.type in TYPES or not section.read_flags & 0x8000,
                 f"{section.label}: the bundle can't be read without understanding it")
            self.all_sections.append(section)
        need(text == len(table), "section table: bytes after the last text")
        self.free = []
        for index in range(free_count):
            offset, size = struct.unpack("<QQ", table[free_start + 16 * index:free_start + 16 * index + 16])
            need(size > 0 and offset + size < 1 << 63, f"free extent {index}: out of range")
            self.free.append((offset, size))

    def check_cover(self):
        extents = [(offset, size, 1, "free extent") for offset, size in self.free]
        extents.append((self.table_offset, self.table_size, 64, "section table"))
        for section in self.all_sections:
            if section.stored_size:
                extents.append((section.offset, section.stored_size, section.alignment, section.label))
            else:
                need(section.offset == 0, f"{section.label}: empty, but has an offset")
        self.padding = [(64, 4096 - 64), (4224, 8192 - 4224), (8320, BODY - 8320)]
        end = BODY
        for offset, size, alignment, label in sorted(extents):
            need(offset >= end, f"byte {offset}: {label} overlaps what stands before it")
            need(offset - end < alignment, f"byte {end}: bytes before {label} belong to nothing")
            self.padding.append((end, offset - end))
            end = offset + size
        need(end == self.length, f"byte {end}: the last extent ends here, not at {self.length}")

    # ------------------------------------------------------------ reading

    def find(self, type_name, name):
        for section in self.sections:
            if TYPES.get(section.type) == type_name and section.name == name:
                return section
        return None

    def stored(self, section):
        return self.data[section.offset:section.offset + section.stored_size]

    def raw(self, section):
        need(section.read_flags & ~KNOWN_READ_FLAGS == 0,
             f"{section.label}: needs an unknown feature to be read")
        stored = self.stored(section)
        if section.codec == 2:
            return decode_blocks(section, stored, lambda: self.run_classes(section))
        return stored if section.codec == 0 else zstd_decompress(stored, section.raw_size)

    def run_classes(self, codes):
        """The zero point of the group that holds the middle code of every run of 64."""
        zeros, bits = self.find("tensorZeros", codes.name), PLANAR_BITS[codes.layout]
        need(zeros is not None and zeros.layout == codes.layout, f"{codes.label}: the zero points it is sorted by")
        shape, width = codes.attributes.get("shape"), codes.attributes.get("group_size")
        need(isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) and n >= 1 for n in shape)
             and isinstance(width, int) and 1 <= width <= shape[1], f"{codes.label}: its shape or groups")
        (rows, columns), groups = shape, -(-shape[1] // width)
        need(rows * columns <= 1 << 40, f"{codes.label}: its shape")
        points = unpack(self.raw(zeros), rows * groups, bits, zeros.label)
        sparsity = codes.attributes.get("sparsity")
        if sparsity is None:
            lines = [range(row * columns, (row + 1) * columns) for row in range(rows)]
        elif sparsity.get("kind") == "nm":
            n, m = sparsity.get("kept"), sparsity.get("of")
            need(isinstance(n, int) and isinstance(m, int) and 1 <= n < m <= 32, f"{codes.label}: {n} of {m}")
            lines = [[row * columns + start for row in range(rows) for start in range(0, columns, m)
                      for _ in range(min(n, columns - start))]]
        else:
            kept = self.kept(codes.name, codes, rows, columns)
            lines = [[at for at, keep in enumerate(kept) if keep]]
        need(sum(-(-len(line) // 64) for line in lines) * 8 * bits == codes.raw_size, f"{codes.label}: its size")
        middles = [line[min(start + 32, len(line) - 1)] for line in lines for start in range(0, len(line), 64)]
        return [points[at // columns * groups + at % columns // width] for at in middles]

    def digest(self, label, keep=lambda section: True):
        hasher = hashlib.sha256(label.encode() + b"\n")
        for section in filter(keep, self.sections):
            name = section.name.encode()
            hasher.update(struct.pack("<HHHHHI", section.type, section.layout, section.read_flags,
                                      section.write_flags, section.optional_flags, len(name)) + name)
            hasher.update(struct.pack("<I", len(section.attribute_bytes)) + section.attribute_bytes)
            hasher.update(struct.pack("<Q", section.raw_size) + section.sha256)
        return hasher.hexdigest()

    def canonical_digest(self):
        return self.digest("ctpack content 1", lambda section: section.type != 38)

    def root(self, tree):
        return self.digest(f"ctpack {tree} tree 1", lambda section: tree_of(section) == tree)

    def weights_digest(self):
        return self.digest("ctpack weights 1", lambda section: 1 <= section.type <= 15)

    def tensor_names(self):
        return sorted((s.name for s in self.sections if s.type in (1, 2)), key=str.encode)

    # ------------------------------------------------------------ tensors

    def tensor(self, name):
        """(shape, values): float32 values as Python floats, row-major."""
        values, dense = self.find("tensorCodes", name), self.find("tensorDense", name)
        need((values is None) != (dense is None), f"tensor {name}: missing, or both packed and dense")
        section = values or dense
        shape = section.attributes.get("shape")
        need(isinstance(shape, list) and 1 <= len(shape) <= 4
             and all(isinstance(n, int) and n >= 1 for n in shape), f"tensor {name}: its shape")
        rows, columns = shape[0], math.prod(shape[1:])
        need(rows * columns <= 1 << 40, f"tensor {name}: too large")
        tiles = self.tiles(name, section, shape)
        # The mask of interleaved rows is that of a matrix with a sixteenth of the rows, sixteen times as wide.
        kept = self.kept(name, section, rows // 16, 16 * columns) if tiles else self.kept(name, section, rows, columns)
        stored = rows * columns if kept is None else sum(kept)
        raw = self.raw(section)
        if dense:
            need(section.layout in DENSE_BYTES, f"tensor {name}: layout {section.layout}")
            need(len(raw) == stored * DENSE_BYTES[section.layout], f"tensor {name}: {len(raw)} bytes")
            return shape, spread(decode_floats(raw, section.layout), kept)
        need(section.layout in PLANAR_BITS and len(shape) == 2, f"tensor {name}: layout or shape")
        return shape, self.dequantize(name, section, raw, rows, columns, kept, tiles)

    def tiles(self, name, section, shape):
        """Whether the tensor's rows are interleaved."""
        tiles = "interleaved" in section.attributes
        need(tiles == bool(section.read_flags & 2), f"tensor {name}: its interleaved-rows flag contradicts its attributes")
        if tiles:
            sparsity, width = section.attributes.get("sparsity"), section.attributes.get("group_size")
            need(type(section.attributes["interleaved"]) is int and section.attributes["interleaved"] == 16,
                 f"tensor {name}: rows interleaved by {section.attributes['interleaved']}")
            need(section.type == 2 and sparsity is not None and sparsity.get("of", 4) == 4 and isinstance(width, int)
                 and len(shape) == 2 and shape[0] % 16 == shape[1] % 64 == width % 64 == 0,
                 f"tensor {name}: its rows can't be interleaved")
        return tiles

    def dequantize(self, name, section, raw, rows, columns, kept, tiles):
        bits = PLANAR_BITS[section.layout]
        width = section.attributes.get("group_size")
        need(isinstance(width, int) and 1 <= width <= columns, f"tensor {name}: group size {width}")
        exponent = section.attributes.get("scale_exponent", 0)
        need(isinstance(exponent, int) and -64 <= exponent <= 64, f"tensor {name}: scale exponent")
        groups = -(-columns // width)
        scale_section, zero_section = self.find("tensorScales", name), self.find("tensorZeros", name)
        need(scale_section is not None and scale_section.layout == 2, f"tensor {name}: its scales")
        scale_bytes = self.raw(scale_section)
        need(len(scale_bytes) == rows * groups * 2, f"tensor {name}: {len(scale_bytes)} bytes of scales")
        scales = decode_floats(scale_bytes, 2)
        if section.attributes.get("symmetric") is True:
            need(zero_section is None, f"tensor {name}: zeros in a symmetric grid")
            zeros = [1 << bits - 1] * (rows * groups)
        else:
            need(zero_section is not None and zero_section.layout == section.layout,
                 f"tensor {name}: its zeros")
            zeros = unpack(self.raw(zero_section), rows * groups, bits, f"tensor {name}: zeros")
        if kept is None:
            row_bytes = -(-columns // 64) * 8 * bits
            need(len(raw) == rows * row_bytes, f"tensor {name}: {len(raw)} bytes of codes")
            codes = []
            for row in range(rows):
                codes += unpack(raw[row * row_bytes:(row + 1) * row_bytes], columns, bits, name)
        else:
            codes = spread(unpack(raw, sum(kept), bits, f"tensor {name}: codes"), kept)
        if tiles:
            codes, kept = [untile(values, rows, columns, 4) for values in (codes, kept)]
            scales, zeros = [untile(values, rows, groups, 1) for values in (scales, zeros)]
        out = []
        for at, code in enumerate(codes):
            if kept is not None and not kept[at]:
                out.append(0.0)
                continue
            group = at // columns * groups + at % columns // width
            out.append((code - zeros[group]) * (scales[group] * 2.0 ** exponent))
        return out

    def kept(self, name, section, rows, columns):
        sparsity = section.attributes.get("sparsity")
        need((sparsity is not None) == bool(section.read_flags & 1),
             f"tensor {name}: its survivors-only flag contradicts its attributes")
        mask, index = self.find("tensorMask", name), self.find("tensorIndex", name)
        if sparsity is None:
            need(mask is None and index is None, f"tensor {name}: a mask it doesn't speak of")
            return None
        if sparsity.get("kind") == "bitmask":
            need(mask is not None and index is None, f"tensor {name}: its mask")
            bits = self.raw(mask)
            words = -(-columns // 64)
            need(len(bits) == rows * words * 8, f"tensor {name}: a mask of {len(bits)} bytes")
            kept = []
            for row in range(rows):
                number = int.from_bytes(bits[row * words * 8:(row + 1) * words * 8], "little")
                need(number >> columns == 0, f"tensor {name}: mask bits beyond the last column")
                kept += [number >> column & 1 for column in range(columns)]
            need(sum(kept) == sparsity.get("survivors"),
                 f"tensor {name}: the mask keeps {sum(kept)}, {sparsity.get('survivors')} are stored")
            return kept
        need(sparsity.get("kind") == "nm" and index is not None and mask is None, f"tensor {name}: sparsity")
        n, m = sparsity.get("kept"), sparsity.get("of")
        need(isinstance(n, int) and isinstance(m, int) and 1 <= n < m <= 32, f"tensor {name}: {n} of {m}")
        data = self.raw(index)
        width = (math.comb(m, n) - 1).bit_length()
        number, at, kept = int.from_bytes(data, "little"), 0, []
        for _ in range(rows):
            for start in range(0, columns, m):
                group = [0] * min(m, columns - start)
                rank, position = number >> at & (1 << width) - 1, len(group)
                at += width
                survivors = min(n, len(group))
                need(rank < math.comb(len(group), survivors), f"tensor {name}: its kept combinations")
                for place in range(survivors, 0, -1):
                    position = max(p for p in range(position) if math.comb(p, place) <= rank)
                    group[position], rank = 1, rank - math.comb(position, place)
                kept += group
        need(len(data) == -(-at // 8) and number >> at == 0, f"tensor {name}: its list of combinations")
        return kept

    # ------------------------------------------------------------ checks

    def check(self):
        """Every finding of the full check."""
        found = list(self.damage)
        for offset, size in self.padding:
            if any(self.data[offset:offset + size]):
                found.append(f"byte {offset}: padding that isn't zero")
        broken = set()
        for section in self.all_sections:
            try:
                need(xxh3_128(self.stored(section)) == section.xxh3, f"{section.label}: its XXH3-128 doesn't match")
                raw = self.raw(section)
                need(hashlib.sha256(raw).digest() == section.sha256, f"{section.label}: its SHA-256 doesn't match")
                self.check_section(section, raw)
            except Invalid as error:
                broken.add(section.name)
                found.append(str(error))
        for name in self.tensor_names():
            if name not in broken:
                try:
                    _, values = self.tensor(name)
                    need(all(map(math.isfinite, values)), f"tensor {name}: a value isn't finite")
                except Invalid as error:
                    found.append(str(error))
        tensors = set(self.tensor_names())
        found += [f"{s.label}: there is no tensor of this name"
                  for s in self.sections if 3 <= s.type <= 6 and s.name not in tensors]
        return found

    def check_section(self, section, raw):
        layout = LAYOUTS.get(section.layout)
        if layout == "json":
            need(canonical_json(parse_json(raw)) == raw, f"{section.label}: its JSON isn't canonical")
        if layout == "text":
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                raise Invalid(f"{section.label}: its text isn't UTF-8") from None
        allowed = KINDS.get(section.type, (None, None))[1]
        need(allowed is None or layout in allowed.split(), f"{section.label}: its layout")
        if section.type in CHECKS:
            CHECKS[section.type](self, section, raw)
        if section.type in OWNERS:
            owners = [s for s in self.sections if s.type in OWNERS[section.type] and s.name == section.name]
            need(any(s.sha256.hex() == section.attributes.get("prompt") for s in owners),
                 f"{section.label}: the prompt that it belongs to isn't there")
            need(section.attributes.get("weights") == self.weights_digest(), f"{section.label}: its weights are others")

    def check_backup(self, section, raw):
        """A copy of the header and of the table without the entry of this section."""
        found = list(backups(self.data[:section.offset + section.stored_size], section.offset))
        need(found and section.offset % 4096 == 0, f"{section.label}: it isn't a backup")
        generation, header, table = found[0]
        need(header == self.data[:64] and generation == self.generation, f"{section.label}: it is of another state")
        rest = [s for s in self.all_sections if s.type != 41]
        count, free = struct.unpack("<II", self.table[16:24])
        entries = [self.table[32 + 96 * i:128 + 96 * i] for i, s in enumerate(self.all_sections) if s.type != 41]
        texts = b"".join(s.name.encode() + s.attribute_bytes for s in rest)
        extents = self.table[32 + 96 * count:32 + 96 * count + 16 * free]
        need(table == b"CTSTABLE" + struct.pack("<QIIQ", generation, len(rest), free, len(texts)) + b"".join(entries) + extents + texts,
             f"{section.label}: it is of another table")

    def check_copy(self, section, raw):
        """The stored bytes of a document."""
        own = [s for s in self.sections if 32 <= s.type < 41 and f"{s.type}:{s.name}" == section.name]
        need(own and section.codec == 0 and self.stored(own[0]) == raw, f"{section.label}: it isn't a copy of a document")

    def check_prompt(self, section, raw):
        tokens, width = section.attributes.get("tokens"), section.attributes.get("width")
        need(isinstance(tokens, int) and isinstance(width, int) and tokens >= 1 and width >= 1
             and len(raw) == tokens * width * 4, f"{section.label}: its size")
        need(all(map(math.isfinite, decode_floats(raw, 1))), f"{section.label}: a value isn't finite")
        ids = section.attributes.get("ids", [0] * tokens)
        need(isinstance(ids, list) and len(ids) == tokens
             and all(isinstance(i, int) and 0 <= i < 1 << 31 for i in ids), f"{section.label}: its token ids")

    def check_key_values(self, section, raw):
        sizes = [section.attributes.get(key) for key in ("layers", "tokens", "width")]
        need(all(isinstance(n, int) and n >= 1 for n in sizes) and len(raw) == 4 * math.prod(sizes),
             f"{section.label}: its size")
        need(all(map(math.isfinite, decode_floats(raw, 2))), f"{section.label}: a value isn't finite")

    def check_routing_key(self, section, raw):
        width, explained = section.attributes.get("width"), section.attributes.get("explained")
        need(type(width) is int and width >= 1 and len(raw) == 4 * (width + 1), f"{section.label}: its size")
        need(type(explained) in (int, float) and 0 <= explained <= 1, f"{section.label}: what it explains")
        need(all(map(math.isfinite, decode_floats(raw, 1))), f"{section.label}: a value isn't finite")

    def check_signature(self, section, raw):
        label, statement = section.label, section.attributes
        tree, key = statement.get("tree"), statement.get("key")
        members = {"container", "tree", "algorithm", "key", "root"} | {
            "weights": set(), "prompts": {"weights"}, "evidence": {"weights", "prompts"}}.get(tree, {None})
        allowed = members | {"time"} | ({"base_model", "tokenizer"} if tree == "weights" else set())
        need(members <= set(statement) <= allowed, f"{label}: the members of its statement")
        need(statement["container"] == 1 and statement["algorithm"] in ("ecdsa-p256-sha256", "ed25519"), f"{label}: its statement")
        need(section.name == f"{tree}:{key}" and re.fullmatch("[0-9a-f]{64}", str(key)), f"{label}: its name")
        need(re.fullmatch(TIME, str(statement.get("time", "2026-01-31T12:00:00Z"))), f"{label}: its time")
        need(len(raw) == 64, f"{label}: its size")
        need(statement["root"] == self.root(tree), f"{label}: it signs other content")
        need(tree == "weights" or statement["weights"] == self.root("weights"), f"{label}: its weights are others")
        if tree == "weights":
            provenance, tokenizer = self.find("provenance", "provenance"), self.find("tokenizer", "tokenizer.json")
            base = parse_json(self.raw(provenance))["base_model"] if provenance else None
            need(statement.get("base_model") == base, f"{label}: its base model")
            need(statement.get("tokenizer") == (tokenizer and tokenizer.sha256.hex()), f"{label}: its tokenizer")
        if tree == "evidence":
            document = self.find("evidence", "evidence")
            records = parse_json(self.raw(document)) if document else []
            names = {r["prompt"] for r in records if r["prompt"] is not None and "choice" not in r}
            names |= {name for r in records if "choice" in r for name in r["choice"]["windows"]}
            need(statement["prompts"] == {name: self.prompt_digest(name) for name in names}, f"{label}: its evidence's prompts")

    def prompt_digest(self, name):
        own = lambda section: tree_of(section) == "prompts" and section.name == name
        return self.digest("ctpack prompt 1", own) if any(map(own, self.sections)) else None

    def check_key(self, key):
        """The signatures that aren't by `key`, DER, one finding each."""
        for section in self.sections:
            if section.type == 38:
                message = b"ctpack signature 1\n" + canonical_json(section.attributes)
                if not (section.attributes.get("key") == hashlib.sha256(key).hexdigest()
                        and section.attributes.get("algorithm") == "ecdsa-p256-sha256"
                        and p256.verify(key, message, self.raw(section))):
                    yield f"{section.label}: not signed by this key"

    def check_adapter(self, section, raw):
        label, attributes = section.label, section.attributes
        size = lambda value: type(value) is int and 1 <= value <= 1 << 24
        kind, rank = attributes.get("kind"), attributes.get("rank")
        if kind == "prefix":
            sizes = [attributes.get(key) for key in ("layers", "tokens", "width")]
            need(all(map(size, sizes)), f"{label}: its sizes")
            count = 2 * math.prod(sizes)
        else:
            need(kind == "lora", f"{label}: its kind")
            targets, alpha = attributes.get("targets"), attributes.get("alpha")
            need(size(rank) and isinstance(alpha, (int, float)) and isinstance(targets, list) and targets, f"{label}: its sizes")
            need(all(isinstance(t, dict) and size(t.get("outputs")) and size(t.get("inputs")) for t in targets)
                 and len({t.get("tensor") for t in targets}) == len(targets), f"{label}: its targets")
            for target in targets:
                tensor = self.find("tensorCodes", target["tensor"]) or self.find("tensorDense", target["tensor"])
                need(tensor is not None and tensor.attributes.get("shape") == [target["outputs"], target["inputs"]],
                     f"{label}: the tensor {target['tensor']}")
            count = sum(rank * (t["outputs"] + t["inputs"]) for t in targets)
        need(len(raw) == 4 * count, f"{label}: its size")
        need(all(map(math.isfinite, decode_floats(raw, 1))), f"{label}: a value isn't finite")
        need(self.find("prompt", section.name) is None, f"{label}: a prompt has the same name")


def backups(data, start):
    """(generation, header, table) of every sound backup from byte `start` on."""
    for at in range(-(-start // 4096) * 4096, len(data), 4096):
        if data[at:at + 8] == b"CTBACKUP" and at + 112 <= len(data):
            generation, offset, size = struct.unpack("<QQQ", data[at + 8:at + 32])
            table, end = data[at + 112:at + 112 + size], at + -(-(112 + size) // 4096) * 4096
            if (offset == at and end <= len(data) and not any(data[at + 112 + size:end])
                    and xxh3_128(data[at:at + 96] + table) == data[at + 96:at + 112]):
                yield generation, data[at + 32:at + 96], table


# ---------------------------------------------------------------- documents

def is_digest(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def check_evidence(section, records):
    """The required members of every record, and the windows of a choice among prompts."""
    need(isinstance(records, list), f"{section.label}: it isn't an array")

    def number(value):
        return type(value) in (int, float)

    def count(value, least=0):
        return type(value) is int and value >= least

    for at, record in enumerate(records):
        where = f"{section.label}: record {at}"
        need(isinstance(record, dict), f"{where} isn't an object")
        for key in ("protocol", "text", "model"):
            need(isinstance(record.get(key), str), f"{where}: {key}")
        for key in ("text_sha256", "tokenizer_sha256", "model_sha256"):
            need(record.get(key) is None or is_digest(record[key]), f"{where}: {key}")
        need("arithmetic" not in record or isinstance(record["arithmetic"], str), f"{where}: arithmetic")
        need("prompt" in record and isinstance(record["prompt"], (str, type(None))), f"{where}: prompt")
        for key in ("ppl", "ppl_stderr", "nll"):
            need(number(record.get(key)), f"{where}: {key}")
        need(record["ppl"] > 0 and record["ppl_stderr"] >= 0, f"{where}: a perplexity that can't be")
        for key in ("scored_tokens", "tokens", "windows"):
            need(count(record.get(key)), f"{where}: {key}")
        need(record["scored_tokens"] <= record["tokens"], f"{where}: more scored tokens than there are")
        if "task" in record:
            task = record["task"]
            need(isinstance(task, dict) and isinstance(task.get("name"), str), f"{where}: task")
            for key, least in (("num_fewshot", 0), ("rows_seen", 1), ("rows_total", 1), ("truncated", 0)):
                need(count(task.get(key), least), f"{where}: task.{key}")
            need(task["truncated"] <= task["rows_seen"] <= task["rows_total"], f"{where}: rows that can't be")
            for name, one in task["metrics"].items() if isinstance(task.get("metrics"), dict) else [(None, None)]:
                need(isinstance(one, dict) and number(one.get("value")) and number(one.get("stderr")), f"{where}: task.metrics")
                need(one["value"] >= 0 and one["stderr"] >= 0 and (name == "perplexity" or one["value"] <= 1), f"{where}: a metric that can't be")
            for one in task["files"].values() if isinstance(task.get("files"), dict) else [None]:
                need(isinstance(one, dict) and isinstance(one.get("name"), str)
                     and re.fullmatch("[0-9a-f]{64}", one.get("sha256") or ""), f"{where}: task.files")
            need(isinstance(task.get("flips", []), list), f"{where}: task.flips")
            for flips in task.get("flips", []):
                need(isinstance(flips, dict) and isinstance(flips.get("metric"), str) and isinstance(flips.get("against"), str)
                     and number(flips.get("p")) and 0 <= flips["p"] <= 1, f"{where}: task.flips")
                lists = [flips.get(key) for key in ("right_to_wrong", "wrong_to_right", "wrong_to_wrong")]
                need(all(isinstance(items, list) for items in lists)
                     and all(isinstance(item, list) and len(item) == 3 and count(item[0], 1) for items in lists for item in items),
                     f"{where}: flips that can't be")
                need(sum(map(len, lists)) <= task["rows_seen"], f"{where}: more flips than rows")
        if "choice" in record:
            choice = record["choice"]
            need(isinstance(choice, dict) and isinstance(choice.get("rule"), str), f"{where}: choice")
            windows = choice.get("windows")
            need(isinstance(windows, dict) and windows and all(map(count, windows.values()))
                 and sum(windows.values()) == record["windows"], f"{where}: the windows of its choice")
            need(isinstance(record["prompt"], str) and count(choice.get("deciding", 1), 1)
                 and count(choice.get("seed", 0), -1 << 63), f"{where}: choice")
        if "rest" in record:
            rest = record["rest"]
            need(isinstance(rest, dict) and count(rest.get("from"), 1) and number(rest.get("ppl")) and rest["ppl"] > 0
                 and count(rest.get("scored_tokens"), 1) and rest["scored_tokens"] <= record["scored_tokens"], f"{where}: rest")
        if any(key in record for key in ("ratio", "ratio_se", "ratio_model_sha256")):
            need(number(record.get("ratio")) and record["ratio"] > 0 and is_digest(record.get("ratio_model_sha256")), f"{where}: ratio")
            need("ratio_se" not in record or number(record["ratio_se"]) and record["ratio_se"] >= 0, f"{where}: ratio_se")
        if "divergence" in record:
            check_divergence(f"{where}: divergence", record["divergence"])
        if "similarity" in record:
            similarity = record["similarity"]
            need(isinstance(similarity, dict), f"{where}: similarity")
            full = similarity.get("model_sha256")
            need(full is None or isinstance(full, str) and re.fullmatch("[0-9a-f]{64}", full), f"{where}: similarity: model_sha256")
            blocks = similarity.get("attention")
            need(isinstance(blocks, list) and blocks, f"{where}: similarity: attention")
            for key, least, most in (("attention", 0, 1), ("activations", -1, 1), ("attention_stderr", 0, math.inf),
                                     ("activations_stderr", 0, math.inf), ("prompt_share", 0, 1)):
                values = similarity.get(key, blocks if key.endswith("stderr") or key == "prompt_share" else None)
                need(isinstance(values, list) and len(values) == len(blocks)
                     and all(number(value) and least <= value <= most for value in values), f"{where}: similarity: {key}")


def check_divergence(where, divergence):
    """The numbers of a divergence from the full model, and the ranges that they have by definition."""
    huge = sys.float_info.max
    need(isinstance(divergence, dict), f"{where} isn't an object")
    need(divergence.get("model_sha256") is None or is_digest(divergence["model_sha256"]), f"{where}: model_sha256")

    def within(value, least, most):
        return type(value) in (int, float) and least <= value <= most

    def estimate(label, value, least, most):
        need(isinstance(value, dict) and within(value.get("value"), least, most)
             and ("se" not in value or within(value["se"], 0, huge)), f"{where}: {label}")

    def distribution(label, value, least, most):
        need(isinstance(value, dict), f"{where}: {label}")
        estimate(f"{label}.mean", value.get("mean"), least, most)
        low, high = value.get("min"), value.get("max")
        need(within(low, least, most) and within(high, low, most), f"{where}: {label}: its range")
        percentiles = value.get("percentiles")
        need(isinstance(percentiles, dict) and "50" in percentiles, f"{where}: {label}.percentiles")
        for percent, own in percentiles.items():
            need(re.fullmatch(r"[0-9]+(\.[0-9]+)?", percent) and 0 < float(percent) < 100, f"{where}: {label}.percentiles: {percent}")
            estimate(f"{label}.percentiles: {percent}", own, low, high)

    distribution("kl", divergence.get("kl"), 0, huge)
    distribution("dp", divergence.get("dp"), -1, 1)
    for label, least, most in (("ppl_base", 5e-324, huge), ("dp_rms", 0, 1), ("same_top", 0, 1), ("cor_ln_ppl", -1, 1),
                               ("ln_ppl_ratio", -huge, huge), ("ppl_difference", -huge, huge)):
        if label in divergence or label != "cor_ln_ppl":
            estimate(label, divergence.get(label), least, most)


TIME = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)Z"


def tree_of(section):
    """The tree whose signature covers a section; None for signatures."""
    if section.type == 38:
        return None
    if section.type in (36, 37):
        return "evidence"
    return "prompts" if 16 <= section.type <= 31 else "weights"


CHECKS = {
    16: Bundle.check_prompt, 17: Bundle.check_adapter, 18: Bundle.check_key_values, 19: Bundle.check_routing_key,
    38: Bundle.check_signature, 41: Bundle.check_backup, 42: Bundle.check_copy,
    36: lambda _, section, raw: check_evidence(section, parse_json(raw)),
}


# ---------------------------------------------------------------- packing

def decode_floats(raw, layout):
    if layout == 1:
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    if layout == 2:
        return list(struct.unpack(f"<{len(raw) // 2}e", raw))
    widened = b"".join(b"\0\0" + raw[i:i + 2] for i in range(0, len(raw), 2))
    return list(struct.unpack(f"<{len(raw) // 2}f", widened))


def unpack(raw, count, bits, what):
    """The first `count` codes of a run of 64-code blocks; the padding must be zero."""
    block = 8 * bits
    need(len(raw) == -(-count // 64) * block, f"{what}: {len(raw)} bytes for {count} codes")
    codes = []
    for start in range(0, len(raw), block):
        b = raw[start:start + block]
        for i in range(64):
            if bits == 8:
                codes.append(b[i])
            elif bits == 4:
                codes.append(b[i % 32] >> 4 * (i // 32) & 15)
            else:
                code = b[i % 16] >> 2 * (i // 16) & 3
                if bits == 3:
                    code |= (b[16 + i // 8] >> i % 8 & 1) << 2
                codes.append(code)
    need(not any(codes[count:]), f"{what}: padding codes that aren't zero")
    return codes[:count]


def spread(values, kept):
    if kept is None:
        return values
    survivors = iter(values)
    return [next(survivors) if keep else 0 for keep in kept]


def untile(values, rows, columns, width):
    """Row-major order of [rows / 16, columns / width, 16, width], `width` neighbours of a row."""
    def place(row, column):
        tile, i = divmod(row, 16)
        q, c = divmod(column, width)
        return tile * 16 * columns + 16 * width * q + width * i + c
    return [values[place(row, column)] for row in range(rows) for column in range(columns)]


# ---------------------------------------------------------------- command line

def summary(bundle):
    sections = [{
        "type": TYPES.get(s.type, s.type), "layout": LAYOUTS.get(s.layout, s.layout), "name": s.name,
        "offset": s.offset, "stored_size": s.stored_size, "raw_size": s.raw_size,
        "codec": ("none", "zstd", "blocks")[s.codec], "sha256": s.sha256.hex(), "attributes": s.attributes,
    } for s in bundle.sections]
    return {
        "format_version": f"1.{bundle.minor}", "generation": bundle.generation,
        "digest": bundle.canonical_digest(), "weights_digest": bundle.weights_digest(),
        "file_bytes": len(bundle.data), "sections": sections, "notes": bundle.notes,
    }


def main():
    parser = argparse.ArgumentParser(description="Reads a .ctpack bundle.")
    parser.add_argument("file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--key", metavar="PUB.pem")
    parser.add_argument("--tensor", metavar="NAME")
    parser.add_argument("--section", nargs=2, metavar=("TYPE", "NAME"))
    options = parser.parse_args()
    try:
        with open(options.file, "rb") as file:
            data = file.read()
    except OSError as error:
        print(f"{options.file}: {error.strerror}", file=sys.stderr)
        return 66
    try:
        bundle = Bundle(data)
        if options.tensor is not None:
            values = bundle.tensor(options.tensor)[1]
            sys.stdout.buffer.write(struct.pack(f"<{len(values)}f", *values))
            return 0
        if options.section:
            section = bundle.find(*options.section)
            need(section is not None, "there is no such section")
            sys.stdout.buffer.write(bundle.raw(section))
            return 0
        found = bundle.check() if options.check else list(bundle.damage)
        if options.key:
            with open(options.key, encoding="ascii") as file:
                lines = file.read().split("\n")
            found += bundle.check_key(base64.b64decode("".join(line for line in lines if not line.startswith("-----"))))
    except (Invalid, struct.error, OverflowError) as error:
        found = [str(error)]
        bundle = None
    for finding in found:
        print(f"{options.file}: {finding}", file=sys.stderr)
    if found and (bundle is None or options.check):
        return 65
    report = summary(bundle)
    if options.json:
        json.dump(report, sys.stdout, indent=2, sort_keys=True)
        print()
    else:
        print(f"container {report['format_version']}, generation {report['generation']}, digest {report['digest']}")
        for s in report["sections"]:
            print(f"{s['type']:<18} {s['layout']:<8} {s['stored_size']:>10}  {s['name']}")
        for note in report["notes"]:
            print(f"note: {note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
