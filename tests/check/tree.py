# SPDX-License-Identifier: MIT
"""The files of the project, for the checks beside this file."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77  # what meson takes for "skipped"


def tracked():
    """Paths under version control, relative to the root. A source archive has no list of them: the check is skipped."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode != 0:
        print("skipped: not a git work tree")
        sys.exit(SKIP)
    # Deleted but not committed yet: still listed, no longer there.
    return [pathlib.Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path):
    """The content as text, or None for a binary file."""
    content = (ROOT / path).read_bytes()
    return None if b"\0" in content else content.decode(errors="replace")


def first_line(path):
    with open(ROOT / path, "rb") as file:
        return file.readline(200).decode(errors="replace")


def is_shell_script(path):
    if path.suffix in (".sh", ".bash"):
        return True
    line = first_line(path)
    return line.startswith("#!") and any(line.rstrip().endswith(shell) for shell in ("/sh", "/bash", " sh", " bash"))


def finish(findings, what):
    """Prints the findings and exits; none is success."""
    for finding in findings:
        print(finding)
    print(f"{what}: {len(findings)} findings" if findings else f"{what}: good")
    sys.exit(1 if findings else 0)
