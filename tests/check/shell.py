#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""shell.py SHELLCHECK: shell scripts pass shellcheck."""

import subprocess
import sys

from tree import ROOT, finish, is_shell_script, tracked

scripts = [str(path) for path in tracked() if is_shell_script(path)]
# -x with SCRIPTDIR: what a script sources is looked for beside it and read as well.
run = subprocess.run(
    [sys.argv[1], "-x", "-P", "SCRIPTDIR", "-S", "warning", "-f", "gcc", *scripts],
    cwd=ROOT,
    capture_output=True,
    text=True,
)
findings = run.stdout.splitlines()
if run.returncode != 0 and not findings:
    findings = run.stderr.splitlines() or [f"{sys.argv[1]} failed"]
finish(findings, f"shell ({len(scripts)} scripts)")
