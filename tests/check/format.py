#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""format.py CLANG-FORMAT: C and C++ files are as clang-format would write them.

A directory whose code follows another style than the top's has a .clang-format of its own; bpf/ is left alone until then.
"""

import subprocess
import sys

from tree import ROOT, finish, tracked


def has_style(path):
    return path.parts[0] != "bpf" or (ROOT / "bpf/.clang-format").exists()


files = [path for path in tracked() if path.suffix in (".cc", ".h", ".c") and has_style(path)]
run = subprocess.run(
    [sys.argv[1], "--dry-run", "-Werror", *map(str, files)], cwd=ROOT, capture_output=True, text=True
)
findings = [line for line in run.stderr.splitlines() if ": error: " in line]
if run.returncode != 0 and not findings:
    findings = run.stderr.splitlines() or [f"{sys.argv[1]} failed"]
finish(findings, f"format ({len(files)} files)")
