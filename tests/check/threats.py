#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every witness that docs/THREATS.md names is there; with --ran LOG, it ran on each of the row's kernels, too.

LOG is the testlog.json of the VM suite. With --self-test it proves that it can fail.
"""

import json
import pathlib
import re
import sys

from tree import ROOT, finish



def read_rows(text):
    """(line number, witnesses as (test, check), kernels) of every row that has a witness."""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|") or len(cells) != 4 or cells[2] in ("witness", "---"):
            continue
        yield number, list(read_witnesses(cells[2])), [k for k in cells[3].split(", ") if k != "-"]


def read_witnesses(cell):
    """`taint: a; b; places: c` has two of taint and one of places. A check's name may have a colon in it."""
    test = None
    for part in cell.split("; "):
        name, colon, rest = part.partition(": ")
        if test is None or (colon and (ROOT / f"tests/vm/gate/{name}.sh").exists()):
            test, part = name, rest
        yield test, part


def text_of_test(test):
    if test == "unit":
        return "".join(path.read_text() for path in (ROOT / "tests/unit").rglob("*.cc"))
    script = ROOT / f"tests/vm/gate/{test}.sh"
    registered = f"'gate/{test}.sh'" in (ROOT / "tests/vm/meson.build").read_text()
    return script.read_text() if script.exists() and registered else None


def is_written(check, text):
    """Scripts put their words together: what is fixed of the check's name must be in one of their lines."""
    fixed = re.sub(r"^(gate|sealed|control): ", "", re.sub(r"(: (denied|allowed|refused)| is refused)$", "", check))
    return fixed in text or fixed in text.replace('"', "")


def check_static(rows):
    for number, witnesses, kernels in rows:
        for test, check in witnesses:
            text = text_of_test(test)
            if text is None:
                yield f"docs/THREATS.md:{number}: there is no test {test}"
            elif not is_written(check, text):
                yield f"docs/THREATS.md:{number}: {test} has no check \"{check}\""
        if not kernels and any(test != "unit" for test, _ in witnesses):
            yield f"docs/THREATS.md:{number}: no kernel"


def check_ran(rows, results):
    """results: {test name: lines of its output that begin with ok}, of tests that passed."""
    for number, witnesses, kernels in rows:
        for test, check in witnesses:
            for kernel in kernels if test != "unit" else []:
                lines = results.get(f"{test} on {kernel}")
                if lines is None:
                    yield f"docs/THREATS.md:{number}: {test} did not run on {kernel}, or failed"
                elif not any(check in line for line in lines):
                    yield f"docs/THREATS.md:{number}: {test} on {kernel} did not show \"{check}\""


def read_results(log):
    results = {}
    for line in pathlib.Path(log).read_text().splitlines():
        entry = json.loads(line)
        if entry["result"] == "OK":
            name = entry["name"].rpartition(" / ")[2]
            results[name] = [out for out in entry.get("stdout", "").splitlines() if out.startswith("ok: ")]
    return results


def self_test():
    good = "| a | b | taint: anonymous memory as code; places: on btrfs | stable |\n"
    rows = list(read_rows(good))
    ran = {"taint on stable": ["ok: gate: anonymous memory as code: denied"], "places on stable": ["ok: gate: on btrfs: allowed"]}
    failures = [f"found fault with what is right: {e}" for e in [*check_static(rows), *check_ran(rows, ran)]]
    for wrong, results in [
        (good.replace("taint:", "absent:"), ran),
        (good.replace("anonymous memory as code", "no such check"), ran),
        (good.replace("stable", "other"), ran),
        (good.replace(" stable ", " - "), ran),
        (good, {}),
        (good, {**ran, "places on stable": []}),
    ]:
        rows = list(read_rows(wrong))
        if not [*check_static(rows), *check_ran(rows, results)]:
            failures.append(f"found no fault with {wrong.strip()}")
    finish(failures, "threats --self-test")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    rows = list(read_rows((ROOT / "docs/THREATS.md").read_text()))
    faults = list(check_static(rows))
    if len(sys.argv) == 3 and sys.argv[1] == "--ran":
        faults += check_ran(rows, read_results(sys.argv[2]))
    if len(rows) < 50:
        faults.append(f"docs/THREATS.md: only {len(rows)} rows have witnesses")
    finish(faults, f"threats ({len(rows)} rows)")


main()
