#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every source file says its license in its first lines, and it is the project's."""

import re

from tree import finish, first_line, text_of, tracked

SOURCES = {".cc", ".h", ".c", ".py", ".sh", ".bash", ".build", ".options", ".service"}
LINE = re.compile(r"SPDX-License-Identifier: (.+?)(?: \*/)?$", re.MULTILINE)
MIT = {"MIT"}
# What the kernel loads must be compatible with the GPL as well.
DUAL = {"MIT OR GPL-2.0-only", "GPL-2.0-only OR MIT"}


def is_source(path):
    return path.suffix in SOURCES or (not path.suffix and first_line(path).startswith("#!"))


def check(path):
    head = "\n".join(text_of(path).splitlines()[:3])
    found = LINE.search(head)
    wanted = DUAL if path.parts[0] == "bpf" and path.suffix in (".c", ".h") else MIT
    if not found:
        return f"{path}: no SPDX-License-Identifier in the first three lines"
    if found.group(1).strip() not in wanted:
        return f"{path}: the license is {found.group(1)}, not {' or '.join(sorted(wanted))}"
    return None


sources = [path for path in tracked() if is_source(path)]
finish([finding for finding in map(check, sources) if finding], f"spdx ({len(sources)} files)")
