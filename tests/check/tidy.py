#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tidy.py CLANG-TIDY BUILD-DIR [-j N] [FILE...]: clang-tidy over the C++ of src/, warnings as errors.

A file that passed is not looked at again until it, a header it includes, .clang-tidy or its compile command changes.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess

from tree import ROOT, finish

# What g++ takes and clang does not know, or what only slows it down.
UNKNOWN_TO_CLANG = re.compile(r"-Wno-(maybe-uninitialized|dangling-reference|stringop-.*|restrict)|-fconcepts.*|-fanalyzer")


def clean_command(entry):
    """The compile command as clang may have it: no outputs or dependency files, no g++-only flags, no -Werror (warnings
    are .clang-tidy's to choose), and no source file, which the database names itself."""
    words, skip = ["clang++"], False
    for word in shlex.split(entry["command"]) if "command" in entry else entry["arguments"]:
        if skip or word in ("-MQ", "-MF", "-o"):
            skip = not skip
        elif word.startswith("-") and word not in ("-MD", "-c", "-Werror") and not UNKNOWN_TO_CLANG.fullmatch(word):
            words.append(word)
        elif words[-1] in ("-I", "-D", "-isystem", "-include"):
            words.append(word)
    return words


def entries_of(build_dir, only):
    for entry in json.loads((build_dir / "compile_commands.json").read_text()):
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.suffix != ".cc" or not path.is_relative_to(ROOT / "src"):
            continue
        if not only or path in only:
            yield path, entry


def write_database(entries, directory):
    """Writes compile_commands.json for clang-tidy; the result is {path: command}."""
    database = [
        {"directory": entry["directory"], "file": str(path), "arguments": [*clean_command(entry), "-c", str(path)]}
        for path, entry in entries
    ]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "compile_commands.json").write_text(json.dumps(database))
    return {row["file"]: " ".join(row["arguments"]) for row in database}


def headers_of(build_dir):
    """{object: headers in the tree or the build directory}, as ninja learned them from the compiler."""
    listed = subprocess.run(["ninja", "-C", build_dir, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    headers, current = {}, []
    for line in listed.splitlines():
        if line and not line.startswith(" "):
            current = headers.setdefault(line.partition(":")[0], [])
        elif line.strip():
            path = (build_dir / line.strip()).resolve()
            if path.is_relative_to(ROOT) or path.is_relative_to(build_dir):
                current.append(path)
    return headers


def key_of(tool_version, command, files):
    digest = hashlib.sha256(tool_version + command.encode())
    for file in sorted(set(files)):
        digest.update(hashlib.sha256(file.read_bytes() if file.exists() else b"").digest())
    return digest.hexdigest()


def look_at(tool, directory, path, key):
    stamp = directory / key
    if stamp.exists():
        return []
    run = subprocess.run(
        [tool, "-p", str(directory), "--quiet", "--warnings-as-errors=*", str(path)], capture_output=True, text=True
    )
    if run.returncode == 0:
        stamp.touch()
        return []
    text = run.stdout.strip() or run.stderr.strip()
    return [text.replace(f"{ROOT}/", "")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("build_dir", type=pathlib.Path)
    parser.add_argument("-j", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=lambda name: pathlib.Path(name).resolve())
    options = parser.parse_intermixed_args()
    build_dir = options.build_dir.resolve()
    directory = build_dir / "tidy"
    entries = list(entries_of(build_dir, options.files))
    commands = write_database(entries, directory)
    headers = headers_of(build_dir)
    version = subprocess.run([options.tool, "--version"], capture_output=True, check=True).stdout
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        jobs = []
        for path, entry in entries:
            files = [ROOT / ".clang-tidy", path, *headers.get(entry["output"], [])]
            key = key_of(version, commands[str(path)], files)
            jobs.append(pool.submit(look_at, options.tool, directory, path, key))
        findings = [finding for job in jobs for finding in job.result()]
    finish(findings, f"tidy ({len(entries)} files)")


main()
