"""ECDSA on P-256 with SHA-256 (FIPS 186-5), written to be obvious, for the test vectors and the second reader.

Standard library only. It is slow, and its time depends on the secret: don't use it with keys that matter.
"""

import base64
import hashlib

P = 2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
# DER of a SubjectPublicKeyInfo up to the point's 65 bytes.
PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def add(a, b):
    """The sum of two points; None is the point at infinity."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(number, point):
    total = None
    while number:
        if number & 1:
            total = add(total, point)
        number, point = number >> 1, add(point, point)
    return total


def public_key(secret):
    """The SubjectPublicKeyInfo in DER of the secret number's point."""
    x, y = multiply(secret, G)
    return PREFIX + b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def pem(key):
    text = base64.b64encode(key).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def sign(secret, message):
    """r, then s, each 32 big-endian bytes; the nonce follows from secret and message, and s is the lower one."""
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    seed = hashlib.sha512(b"nonce" + secret.to_bytes(32, "big") + message).digest()
    nonce = int.from_bytes(seed, "big") % (N - 1) + 1
    r = multiply(nonce, G)[0] % N
    s = (digest + r * secret) * pow(nonce, -1, N) % N
    return r.to_bytes(32, "big") + min(s, N - s).to_bytes(32, "big")


def verify(key, message, signature):
    """Whether `signature` (r, then the lower s) of `message` was made with the secret of `key`, DER."""
    if len(signature) != 64 or len(key) != 91 or not key.startswith(PREFIX + b"\x04"):
        return False
    x, y = int.from_bytes(key[-64:-32], "big"), int.from_bytes(key[-32:], "big")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if x >= P or y >= P or (y * y - x ** 3 + 3 * x - B) % P or not (1 <= r < N and 1 <= s <= N // 2):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, N)
    point = add(multiply(digest * inverse % N, G), multiply(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r
