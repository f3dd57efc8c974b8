#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every MESSAGE_ID that the service sends is explained in the journal's catalogue, and nothing else is.

With the path of journalctl it also has systemd read the catalogue. With --self-test it proves that it can fail.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from tree import ROOT, finish

JOURNAL = "src/service/journal.cc"
CATALOG = "packaging/systemd/bpfgate.catalog"
HEADERS = ["Subject", "Defined-By", "Support", "Documentation"]

SENT = re.compile(r'\{"([a-z-]+)", "([0-9a-f]{32})"')
FIELD = re.compile(r'"(BPFGATE_[A-Z_]+)=')
ENTRY = re.compile(r"^# ([a-z-]+)\n-- ([0-9a-f]{32})\n((?:[A-Z][A-Za-z-]*: .*\n)*)\n((?:(?!# |-- ).*\n)*)", re.MULTILINE)


def check_entry(word, headers, body, fields):
    names = [line.partition(":")[0] for line in headers.splitlines()]
    if names != HEADERS:
        yield f"{CATALOG}: {word}: has the headers {names}, not {HEADERS}"
    if len(re.findall(r"\n\n+(?=\S)", "\n\n" + body)) < 2:
        yield f"{CATALOG}: {word}: lacks what it means, or what to do"
    for field in set(re.findall(r"@([A-Z_]+)@", headers + body)) - fields:
        yield f"{CATALOG}: {word}: the service sends no {field}"


def check(journal, catalog):
    sent = SENT.findall(journal)
    entries = ENTRY.findall(catalog)
    explained = [(word, number) for word, number, _, _ in entries]
    if len(entries) != len(re.findall(r"^-- ", catalog, re.MULTILINE)):
        yield f"{CATALOG}: an entry has another form than the others"
    for word, number in sorted(set(sent) - set(explained)):
        yield f"{CATALOG}: {word}, {number}, is sent and not explained"
    for word, number in sorted(set(explained) - set(sent)):
        yield f"{CATALOG}: {word}, {number}, is explained and never sent"
    if len({number for _, number in explained}) != len(explained):
        yield f"{CATALOG}: an id is there twice"
    for word, _, headers, body in entries:
        yield from check_entry(word, headers, body, set(FIELD.findall(journal)))


def check_by(journalctl, journal):
    """systemd skips what it cannot read, so every id is asked for."""
    with tempfile.TemporaryDirectory() as root:
        place = pathlib.Path(root, "usr/lib/systemd/catalog")
        place.mkdir(parents=True)
        (place / "bpfgate.catalog").write_text((ROOT / CATALOG).read_text())
        # What a system has in /etc is none of its business; nor is that it says how it went.
        made = subprocess.run([journalctl, f"--root={root}", "--update-catalog"], capture_output=True, text=True)
        listed = subprocess.run([journalctl, f"--root={root}", "--list-catalog"], capture_output=True, text=True)
    if made.returncode != 0 or listed.returncode != 0:
        yield f"{CATALOG}: {journalctl} cannot read it: {made.stderr}{listed.stderr}"
    found = {line.partition(" ")[0]: line for line in listed.stdout.splitlines()}
    for word, number in SENT.findall(journal):
        if "bpfgate: " not in found.get(number, ""):
            yield f"{CATALOG}: {journalctl} does not find {word}"


def self_test(journal, catalog):
    first, second = SENT.findall(journal)[:2]
    wrong = {
        "an id that is not explained": catalog.replace(first[1], "0" * 32),
        "an id that is there twice": catalog.replace(first[1], second[1]),
        "a header that lacks": catalog.replace("Support: ", "Sport: ", 1),
        "a field that is not sent": catalog.replace("@BPFGATE_PID@", "@BPFGATE_PIT@", 1),
        "an entry without its name": catalog.replace("# " + first[0] + "\n", "", 1),
        "nothing at all": "",
    }
    finish([what for what, text in wrong.items() if not list(check(journal, text))], "catalog --self-test")


if __name__ == "__main__":
    sent_by = (ROOT / JOURNAL).read_text()
    explained_in = (ROOT / CATALOG).read_text()
    if "--self-test" in sys.argv[1:]:
        self_test(sent_by, explained_in)
    findings = list(check(sent_by, explained_in))
    for tool in sys.argv[1:]:
        findings += check_by(tool, sent_by)
    finish(findings, "catalog")
