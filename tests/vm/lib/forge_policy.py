#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Usage: forge_policy.py forge|restore

What root can do while a gate audits, and guards nothing yet: writes the policy in force once more, into the bank of the
generation that would come next by counting, with every signer as one of administrators; and makes it the active one. `restore`
makes the one before active again. All by bpftool, and nothing of bpfgate's.
"""

import json
import struct
import subprocess
import sys

LOADER = 1  # enum gate_role
SIGNER = "<iIQ"  # the beginning of struct gate_signer: keyring, role, grants


def bpftool(*arguments):
    return subprocess.run(["bpftool", "--json", "map", *arguments], check=True, capture_output=True, text=True).stdout


def find_map(matches):
    found = [listed for listed in json.loads(bpftool("list")) if matches(listed.get("name", ""))]
    assert len(found) == 1, found
    return found[0]


def read(listed):
    entries = json.loads(bpftool("dump", "id", str(listed["id"])))
    return [bytes(int(byte, 16) for byte in entry["value"]) for entry in entries]


def write(listed, index, value):
    key, data = ([f"{byte:02x}" for byte in octets] for octets in (struct.pack("<I", index), value))
    bpftool("update", "id", str(listed["id"]), "key", "hex", *key, "value", "hex", *data)


def copy_bank(name, bank, change):
    listed = find_map(lambda other: other == name)
    values = read(listed)
    size = len(values) // 2
    for i in range(size):
        value = values[bank * size + i]
        if any(value):
            write(listed, (1 - bank) * size + i, change(value))


def as_administrator(grants):
    def change(value):
        keyring, _, _ = struct.unpack_from(SIGNER, value)
        return struct.pack(SIGNER, keyring, LOADER, grants) + value[struct.calcsize(SIGNER) :]

    return change


def main():
    active = find_map(lambda name: ".data.a" in name)
    (generation,) = struct.unpack("<Q", read(active)[0])
    if sys.argv[1] == "restore":
        write(active, 0, struct.pack("<Q", generation - 1))
        return
    bank = generation & 1
    signers = read(find_map(lambda name: name == "signers"))
    size = len(signers) // 2
    every = 0
    for value in signers[bank * size : (bank + 1) * size]:
        every |= struct.unpack_from(SIGNER, value)[2]
    copy_bank("grants", bank, lambda value: value)
    copy_bank("signers", bank, as_administrator(every))
    copy_bank("policies", bank, lambda value: struct.pack("<Q", generation + 1) + value[8:])
    write(active, 0, struct.pack("<Q", generation + 1))


main()
