"""XXH3, 128 bits, seed 0, in plain Python, from the published specification of xxHash 0.8
(doc/xxhash_spec.md). Slow (about 2 MB/s) and obvious; the digest is in canonical, big-endian order.
"""

import struct

M32, M64 = (1 << 32) - 1, (1 << 64) - 1
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
PMX1, PMX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")


def _u32(data, at):
    return int.from_bytes(data[at:at + 4], "little")


def _u64(data, at):
    return int.from_bytes(data[at:at + 8], "little")


def _secret(at):
    return _u64(SECRET, at)


def _swap32(x):
    return int.from_bytes(x.to_bytes(4, "little"), "big")


def _swap64(x):
    return int.from_bytes(x.to_bytes(8, "little"), "big")


def _fold(a, b):
    product = a * b
    return (product & M64) ^ (product >> 64)


def _avalanche(x):
    x ^= x >> 37
    x = x * PMX1 & M64
    return x ^ x >> 32


def _avalanche64(x):
    x ^= x >> 33
    x = x * P64_2 & M64
    x ^= x >> 29
    x = x * P64_3 & M64
    return x ^ x >> 32


def _digest(high, low):
    return high.to_bytes(8, "big") + low.to_bytes(8, "big")


def xxh3_128(data):
    size = len(data)
    if size <= 16:
        return _short(data, size)
    if size <= 128:
        return _medium(data, size)
    if size <= 240:
        return _upper_medium(data, size)
    return _long(data, size)


def _short(data, size):
    if size == 0:
        return _digest(_avalanche64(_secret(80) ^ _secret(88)), _avalanche64(_secret(64) ^ _secret(72)))
    if size <= 3:
        combined = data[size - 1] | size << 8 | data[0] << 16 | data[size >> 1] << 24
        swapped = _swap32(combined)
        swapped = (swapped << 13 | swapped >> 19) & M32
        low = (_u32(SECRET, 0) ^ _u32(SECRET, 4)) ^ combined
        high = (_u32(SECRET, 8) ^ _u32(SECRET, 12)) ^ swapped
        return _digest(_avalanche64(high), _avalanche64(low))
    if size <= 8:
        combined = _u32(data, 0) | _u32(data, size - 4) << 32
        value = (_secret(16) ^ _secret(24)) ^ combined
        product = value * (P64_1 + (size << 2) & M64)
        low, high = product & M64, product >> 64
        high = high + (low << 1) & M64
        low ^= high >> 3
        low ^= low >> 35
        low = low * PMX2 & M64
        low ^= low >> 28
        return _digest(_avalanche(high), low)
    first, last = _u64(data, 0), _u64(data, size - 8)
    value = (_secret(32) ^ _secret(40)) ^ first ^ last
    product = value * P64_1
    low = (product & M64) + (size - 1 << 54) & M64
    high = product >> 64
    last ^= _secret(48) ^ _secret(56)
    high = high + last + (last & M32) * (P32_2 - 1) & M64
    low ^= _swap64(high)
    product = low * P64_2
    low2 = product & M64
    high2 = (product >> 64) + high * P64_2 & M64
    return _digest(_avalanche(high2), _avalanche(low2))


def _mix16(data, at, secret):
    return _fold(_u64(data, at) ^ _secret(secret), _u64(data, at + 8) ^ _secret(secret + 8))


def _mix_two(acc, data, one, two, secret):
    acc[0] = acc[0] + _mix16(data, one, secret) & M64
    acc[0] ^= _u64(data, two) + _u64(data, two + 8) & M64
    acc[1] = acc[1] + _mix16(data, two, secret + 16) & M64
    acc[1] ^= _u64(data, one) + _u64(data, one + 8) & M64


def _finish(acc, size):
    low = acc[0] + acc[1] & M64
    high = acc[0] * P64_1 + acc[1] * P64_4 + size * P64_2 & M64
    return _digest(-_avalanche(high) & M64, _avalanche(low))


def _medium(data, size):
    acc = [size * P64_1 & M64, 0]
    for i in range((size - 1) // 32, -1, -1):
        _mix_two(acc, data, 16 * i, size - 16 * (i + 1), 32 * i)
    return _finish(acc, size)


def _upper_medium(data, size):
    acc = [size * P64_1 & M64, 0]
    for i in range(4):
        _mix_two(acc, data, 32 * i, 32 * i + 16, 32 * i)
    acc = [_avalanche(acc[0]), _avalanche(acc[1])]
    for i in range(4, size // 32):
        _mix_two(acc, data, 32 * i, 32 * i + 16, 3 + 32 * (i - 4))
    _mix_two(acc, data, size - 16, size - 32, 136 - 17 - 16)
    return _finish(acc, size)


def _accumulate(acc, stripe, secret):
    values = struct.unpack("<8Q", stripe)
    keys = struct.unpack("<8Q", secret)
    for i in range(8):
        mixed = values[i] ^ keys[i]
        acc[i ^ 1] = acc[i ^ 1] + values[i] & M64
        acc[i] = acc[i] + (mixed & M32) * (mixed >> 32) & M64


def _long(data, size):
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    stripes = (len(SECRET) - 64) // 8
    block = 64 * stripes
    blocks = (size - 1) // block
    for b in range(blocks):
        for s in range(stripes):
            at = b * block + 64 * s
            _accumulate(acc, data[at:at + 64], SECRET[8 * s:8 * s + 64])
        keys = struct.unpack("<8Q", SECRET[-64:])
        acc = [(a ^ a >> 47 ^ k) * P32_1 & M64 for a, k in zip(acc, keys)]
    for s in range((size - 1 - blocks * block) // 64):
        at = blocks * block + 64 * s
        _accumulate(acc, data[at:at + 64], SECRET[8 * s:8 * s + 64])
    _accumulate(acc, data[size - 64:size], SECRET[len(SECRET) - 71:len(SECRET) - 7])

    def merge(start, secret):
        total = start
        for i in range(4):
            total += _fold(acc[2 * i] ^ _secret(secret + 16 * i), acc[2 * i + 1] ^ _secret(secret + 16 * i + 8))
        return _avalanche(total & M64)
    low = merge(size * P64_1 & M64, 11)
    high = merge(~(size * P64_2) & M64, len(SECRET) - 64 - 11)
    return _digest(high, low)
