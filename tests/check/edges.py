#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the rooms of src/ to their edges: the table in src/meson.build, the levels below, and who may use which library.

With --self-test it proves that it can fail, by feeding itself what it must refuse.
"""

import pathlib
import re
import sys

from tree import ROOT, finish

# Edges go from a higher level to a lower one; rooms of one level do not know each other (docs/ARCHITECTURE.md).
LEVELS = [
    {"base"},
    {"crypto", "keyring", "fsverity", "manifest"},
    {"ima", "volume"},
    {"evidence"},
    {"sign", "store", "gate", "image", "rpm"},
    {"learn", "deb"},
    {"cli", "service"},
]
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

# Who may include what from outside: the reason for a room is often that it alone knows a library.
OWNERS = [
    (re.compile(r"bpf/|.*\.skel\.h$|gate_abi\.h$"), {"gate"}),
    (re.compile(r"keyutils\.h$"), {"keyring"}),
    (re.compile(r"lib(devmapper|cryptsetup)\.h$"), {"volume"}),
    (re.compile(r"openssl/"), {"crypto"}),
    (re.compile(r"libfsverity\.h$"), {"fsverity"}),
    (re.compile(r"(ext2fs|et|sqfs)/"), {"image"}),
    (re.compile(r"nlohmann/"), {"manifest", "volume", "store", "cli", "service"}),
    # The room and librpm's headers have the same name; those of librpm are called rpm-something, but for two.
    (re.compile(r"rpm/(argv|header|rpm\w+)\.h$"), {"rpm"}),
    (re.compile(r"CLI/"), {"cli"}),
    (re.compile(r"systemd/"), {"learn", "service"}),
    (re.compile(r"microhttpd\.h$"), {"service"}),
]

PROGRAMS = ["cli", "service"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.MULTILINE)
TABLE = re.compile(r"^rooms = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\s*\['(\w+)',\s*\[([^\]]*)\]", re.MULTILINE)


def read_table(meson_text):
    """{room: rooms it uses}; the programs use whatever they like and are not in the table."""
    rows = ROW.findall(TABLE.search(meson_text).group(1))
    table = {room: set(re.findall(r"'(\w+)'", used)) for room, used in rows}
    rooms = set(table)
    for program in PROGRAMS:
        table[program] = set(rooms)
    return table


def check_table(table):
    for room, used in table.items():
        if room not in LEVEL_OF:
            yield f"src/meson.build: the room {room} has no level in tests/check/edges.py"
            continue
        for other in sorted(used):
            if LEVEL_OF.get(other, len(LEVELS)) >= LEVEL_OF[room]:
                yield f"src/meson.build: {room} -> {other} does not point down"


def check_include(room, header, table):
    """Why this include is wrong, or None."""
    for pattern, owners in OWNERS:
        if pattern.match(header):
            return None if room in owners else f"<{header}> is for {' and '.join(sorted(owners))} only"
    if header.startswith(".") or header.startswith("src/"):
        return f'"{header}": write the path from src/'
    other = header.partition("/")[0]
    if other == room or other not in table:
        return None
    if other not in table[room]:
        return f'"{header}": src/meson.build has no edge {room} -> {other}'
    return None


def check_sources(sources, table):
    """sources: pairs of (path relative to src/, text)."""
    for path, text in sources:
        room = path.parts[0]
        if room not in table:
            yield f"src/{path}: the room {room} is not in src/meson.build"
            continue
        for match in INCLUDE.finditer(text):
            if reason := check_include(room, match.group(1), table):
                line = text.count("\n", 0, match.start()) + 1
                yield f"src/{path}:{line}: {reason}"


def read_sources():
    source = ROOT / "src"
    for path in sorted(source.glob("*/**/*")):
        if path.suffix in (".cc", ".h", ".c"):
            yield path.relative_to(source), path.read_text()


def self_test(table):
    refused = [
        ("base/x.cc", '#include "crypto/crypto.h"'),  # up
        ("crypto/x.cc", '#include "manifest/manifest.h"'),  # sideways
        ("crypto/x.cc", "#  include <manifest/manifest.h>"),  # in other words
        ("sign/x.cc", '#include "gate/gate.h"'),
        ("gate/x.cc", '#include "cli/cli.h"'),
        ("gate/x.cc", '#include "learn/draft.h"'),
        ("learn/x.cc", "#include <nlohmann/json.hpp>"),
        ("evidence/x.cc", '#include "../crypto/crypto.h"'),
        ("ima/x.cc", '#include "fsverity/fsverity.h"'),
        ("crypto/x.cc", '#include "ima/ima.h"'),
        ("ima/x.cc", "#include <openssl/evp.h>"),
        ("sign/x.cc", "#include <bpf/libbpf.h>"),
        ("cli/x.cc", '#include "gate_abi.h"'),
        ("cli/x.cc", '#include "gate.skel.h"'),
        ("gate/x.cc", "#include <keyutils.h>"),
        ("sign/x.cc", "int x;\n#include <openssl/evp.h>"),
        ("gate/x.cc", "#include <nlohmann/json.hpp>"),
        ("manifest/x.cc", "#include <CLI/CLI.hpp>"),
        ("gate/x.cc", "#include <microhttpd.h>"),
        ("cli/x.cc", "#include <rpm/rpmlib.h>"),
        ("cli/x.cc", "#include <rpm/header.h>"),
        ("rpm/x.cc", '#include "sign/elf.h"'),
        ("image/x.cc", '#include "sign/sign.h"'),
        ("image/x.cc", "#include <libfsverity.h>"),
        ("cli/x.cc", "#include <ext2fs/ext2fs.h>"),
        ("image/x.cc", "#include <libcryptsetup.h>"),
        ("volume/x.cc", "#include <sqfs/dir_reader.h>"),
        ("attic/x.cc", ""),
    ]
    accepted = [
        ("gate/x.cc", '#include <linux/bpf.h>\n#include <bpf/bpf.h>\n#include "gate_abi.h"\n#include "base/io.h"'),
        ("cli/x.cc", '#include "gate/gate.h"\n#include <CLI/CLI.hpp>\n#include <nlohmann/json.hpp>'),
        ("rpm/x.cc", '#include <rpm/header.h>\n#include "rpm/package.h"'),
        ("cli/x.cc", '#include "rpm/package.h"'),
        ("manifest/x.cc", '#include "manifest/keys.h"\n#include <string>'),
    ]
    failures = []
    for path, text in refused:
        if not list(check_sources([(pathlib.Path(path), text)], table)):
            failures.append(f"self-test: src/{path} should not pass: {text}")
    for path, text in accepted:
        failures += [f"self-test: {f}" for f in check_sources([(pathlib.Path(path), text)], table)]
    for wrong in ({"base": {"crypto"}}, {"crypto": {"keyring"}}, {"crypto": {"ima"}}, {"attic": set()}, {"crypto": {"attic"}}):
        if not list(check_table(wrong)):
            failures.append(f"self-test: the table {wrong} should not pass")
    finish(failures, "edges --self-test")


def main():
    table = read_table((ROOT / "src/meson.build").read_text())
    if "--self-test" in sys.argv[1:]:
        self_test(table)
    finish([*check_table(table), *check_sources(read_sources(), table)], "edges")


main()
