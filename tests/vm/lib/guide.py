#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does what a guide of docs/guides says, word for word, up to its next reboot: guide.py GUIDE PROGRESS.

A guide's commands are its blocks marked "sh". They go to one shell, as a reader types them, and each must succeed; a block
marked "sh refused" must not. The lines of a block marked "text" are in what the block before it has printed, and what is
refused has one; "…" stands for anything. A block that ends in "systemctl reboot" ends this run. A comment
"<!-- test: COMMAND -->" is run as well: it does what time does for a reader.

PROGRESS remembers how many blocks are done. Exit status: 0 the guide is at its end, 1 it does not hold, 3 boot again.
"""
import pathlib
import re
import subprocess
import sys

MARK = "@@guide"
REBOOT = "systemctl reboot"


def read_blocks(text):
    """[(number of its line, kind, content)] of every fenced block of a kind known here."""
    blocks = []
    for found in re.finditer(r"^```([a-z ]*)\n(.*?)^```$|^<!-- test: ([^\n]*) -->$", text, re.MULTILINE | re.DOTALL):
        kind, content = ("sh", found[3] + "\n") if found[3] else (found[1].strip(), found[2])
        if kind.split(" ")[0] not in ("sh", "text", "json", ""):
            raise SystemExit(f"a block of a kind that nobody runs: {kind}")
        if kind == "sh" and re.search("^!", content, re.MULTILINE):
            raise SystemExit("a command that must fail goes into a block \"sh refused\": nobody notices if it does not")
        blocks.append((text.count("\n", 0, found.start()) + 1, kind, content))
    return blocks


def steps_of(blocks):
    """[(line, kind, commands, [lines to be seen])]: what is typed, each with the output that the guide shows of it."""
    steps = []
    for line, kind, content in blocks:
        if kind == "text":
            if not steps:
                raise SystemExit(f"line {line}: the output of nothing")
            steps[-1][3].extend(filter(str.strip, content.splitlines()))
        elif kind.startswith("sh"):
            steps.append((line, kind, content, []))
    if not steps:
        raise SystemExit("no command in this guide")
    for line, kind, _, seen in steps:
        if kind == "sh refused" and not seen:
            raise SystemExit(f"line {line}: refused, but not by whom or why")
    return steps


def script_of(steps):
    parts = ["set -euo pipefail"]
    for number, (_, kind, commands, _) in enumerate(steps):
        commands = commands.replace(REBOOT + "\n", "")
        parts.append(f"echo '{MARK} {number}'")
        parts.append(f"if (\n{commands}\n); then echo 'not refused'; exit 1; fi" if kind == "sh refused" else commands)
    parts.append(f"echo '{MARK} {len(steps)}'")
    return "\n".join(parts) + "\n"


def is_seen(line, output):
    pattern = ".*".join(re.escape(part.strip()) for part in line.split("…"))
    return re.search(pattern, output) is not None


def wrong_with(step, output):
    """What of a step that went through is not as the guide says, or None."""
    for line in step[3]:
        if not is_seen(line, output):
            return f"does not print: {line}"
    return None


def run(steps):
    """The outputs of the steps that were begun, and of a mark behind the last one if that ended well."""
    done = subprocess.run(["bash", "-c", script_of(steps)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return re.split(rf"^{MARK} \d+\n", done.stdout, flags=re.MULTILINE)[1:]


def main():
    guide, progress = map(pathlib.Path, sys.argv[1:])
    steps = steps_of(read_blocks(guide.read_text()))
    start = int(progress.read_text()) if progress.exists() else 0
    reboots = [n for n, step in enumerate(steps) if step[2].endswith(REBOOT + "\n") and n >= start]
    end = reboots[0] + 1 if reboots else len(steps)
    outputs = run(steps[start:end])
    failures = 0
    for number, step in enumerate(steps[start:end]):
        output = outputs[number] if number < len(outputs) else ""
        wrong = "fails" if number + 1 >= len(outputs) else wrong_with(step, output)
        print(f"{'FAILED' if wrong else 'ok'}: {guide.name}, line {step[0]}{': ' + wrong if wrong else ''}", flush=True)
        if wrong:
            failures += 1
            print(f"{step[2]}--- printed:\n{output}")
        if number + 1 >= len(outputs):
            break
    progress.write_text(str(end))
    sys.exit(1 if failures else 3 if end < len(steps) else 0)


main()
