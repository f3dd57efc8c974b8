#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a PKCS#7 signature larger without touching what it says, by adding a certificate nobody needs.

usage: pad_signature.py SIGNATURE CERTIFICATE.der SIZE OUTPUT

Writes OUTPUT if the result has SIZE bytes; else says how many it has and exits with 1.
"""
import sys


def header(der, at):
    """Where the content of the DER element at `at` begins, and where it ends."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    return start, start + length


def element(tag, content):
    """A DER element."""
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    width = (len(content).bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + len(content).to_bytes(width, "big") + content


def children(der, start, end):
    """The elements between start and end, whole."""
    parts = []
    while start < end:
        after = header(der, start)[1]
        parts.append(der[start:after])
        start = after
    return parts


def main():
    der = open(sys.argv[1], "rb").read()
    certificate = open(sys.argv[2], "rb").read()
    kind, content = children(der, *header(der, 0))  # RFC 2315, 7: contentType, [0] content
    signed_data = content[header(content, 0)[0] :]
    parts = children(signed_data, *header(signed_data, 0))
    # RFC 2315, 9.1: version, digestAlgorithms, contentInfo, [0] certificates, signerInfos
    body = b"".join(parts[:3]) + element(0xA0, certificate) + b"".join(parts[3:])
    padded = element(0x30, kind + element(0xA0, element(0x30, body)))
    if len(padded) != int(sys.argv[3]):
        sys.exit(str(len(padded)))
    open(sys.argv[4], "wb").write(padded)


main()
