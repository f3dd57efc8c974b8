#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nothing in the tree belongs to the machine or network it was made on: no package mirror, no absolute build path.

A mirror written down here would be used by everybody who runs the scripts; those take the one apt is configured with.
"""

import re
import sys

from tree import ROOT, finish, text_of, tracked

PATTERNS = [
    ("a package archive", re.compile(r"https?://[^\s\"'<>]*(debian|ubuntu|fedora|centos|alpine)", re.IGNORECASE)),
    ("a package registry", re.compile(r"\b(pypi\.org|registry\.npmjs|crates\.io|proxy\.golang|rubygems\.org)")),
    ("a mirror", re.compile(r"https?://[^\s\"'<>/]*(mirror|artifactory|nexus|proxy)", re.IGNORECASE)),
    ("an address", re.compile(r"https?://\d+\.\d+\.\d+\.\d+")),
    ("a home directory", re.compile(r"(?<![\w.])/(home/[a-z]|root/[a-z.])")),
]
# A checkout right below / has a name that occurs in paths of all kinds.
if len(ROOT.parts) > 2:
    PATTERNS.append(("the build directory", re.compile(r"(?<![\w.])" + re.escape(str(ROOT)) + r"\b")))

# The check itself has to spell out what it looks for.
EXCEPT = {"tests/check/neutral.py"}


def check(path):
    text = text_of(path)
    if text is None or str(path) in EXCEPT:
        return
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in PATTERNS:
            if match := pattern.search(line):
                yield f"{path}:{number}: {what}: {match.group(0)}"


def self_test():
    wrong = ["http://" + "mirror.example/debian", "https://" + "mirror.example/x", "http://" + "10.0.0.1:3142/", "/home/" + "me/x"]
    finish([line for line in wrong if not any(p.search(line) for _, p in PATTERNS)], "neutral --self-test")


if "--self-test" in sys.argv[1:]:
    self_test()
finish([finding for path in tracked() for finding in check(path)], "neutral")
