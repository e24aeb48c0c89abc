#!/usr/bin/env python3
"""Signs Formats/vectors/valid-signed.ctpack with OpenSSF Model Signing, the peer of `ctpack sign --sidecar`.

usage: make_file_signature.py OUT      (needs model-signing==1.1.1 and pyopenssl)

The key is that of Formats/make_vectors.py, which protects nothing. ECDSA draws a random number: each run makes another
signature, and each is valid, so `make golden` leaves this folder alone.
"""
import pathlib
import sys
import tempfile

import model_signing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = pathlib.Path(__file__).resolve().parents[3]


def main():
    out = pathlib.Path(sys.argv[1])
    secret = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
    with tempfile.NamedTemporaryFile(suffix=".pem") as key:
        key.write(secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        key.flush()
        model_signing.signing.Config().use_elliptic_key_signer(private_key=pathlib.Path(key.name)).sign(
            ROOT / "Formats/vectors/valid-signed.ctpack", out / "valid-signed.sig")


if __name__ == "__main__":
    main()
