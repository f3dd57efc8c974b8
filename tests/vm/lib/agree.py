#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds `bpfgate explain` to what the kernel decided; see guest.sh, which calls this after each case.

It answers questions, one after the other, for in emulation Python's start takes longer than an answer. A question, on stdin, is its number of words and the words, each with a NUL behind it: a directory and a PATH to answer it
with, why explain cannot know and why only the events count (or nothing), and one of

  case DIRECTORY STATUS NAME COMMAND...   a command that has run: what it was told, and the events it caused
  process DIRECTORY STATUS NAME PID       a process that is there, and what bpf(2) has told it
  rest DIRECTORY                          the events that no case has had
  summary DIRECTORY                       what was compared, and why the rest was not; what came up in the rest

The answer, on stdout, is 0 or 1, a newline, what there is to say, and a NUL. DIRECTORY has `policy` (the manifest in force, or "host"), `pending` (events nobody has asked for yet) and `tally`.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback

# What explain finds out as well, and in the same words. Of `volume-replaced` it says itself that it does not know.
EVIDENCE = {
    "not-sealed", "no-signature", "signature-too-large", "signature-malformed", "signature-untrusted",
    "signature-mismatch", "digest-unknown", "revoked", "volume-untrusted", "volume-unchecked",
}
# The verbs of witness.c that end in another program, and those that map a file as code.
STARTS_ANOTHER = {"exec", "exec-in-thread", "spawn", "exec-by-descriptor", "exec-with-read-implies-exec"}
MAPS_A_FILE = {"map-file", "thread-maps-file", "vfork-child-maps-file", "map-file-and-wait"}
# Commands, and functions of the tests' own, that run what they name next. Of others nobody knows which file it is that asks.
RUNS_ANOTHER = {"tool", "make_map", "interpreted", "load_program", "unshare", "chroot", "setpriv", "timeout",
                "one_liner", "begin", "kprobe"}


class Tally:
    def __init__(self, directory, name):
        self.path, self.name, self.differences = os.path.join(directory, "tally"), name, []

    def note(self, *words):
        with open(self.path, "a") as file:
            file.write("\t".join(words) + "\n")

    def skip(self, cause):
        self.note("skipped", cause)

    def compare(self, what, kernel, explained, about):
        self.note(what)
        if kernel != explained:
            self.differences.append(f"{self.name}: {what} of {about}: the kernel says {kernel}, explain {explained}")


def bpfgate(*words):
    """What it printed, as an object; None where it printed none."""
    run = subprocess.run(["bpfgate", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        return json.loads(run.stdout)
    except ValueError:
        return None


class Policy:
    def __init__(self, directory):
        with open(os.path.join(directory, "policy")) as file:
            manifest = file.read().strip()
        self.words = [] if manifest == "host" else ["--manifest", manifest]
        if self.words:
            with open(manifest) as file:
                self.manifest = json.load(file)
        else:
            self.manifest = bpfgate("manifest", "show", "--host")

    def has_volumes(self):
        return self.manifest.get("volumes") or self.manifest.get("evidence", {}).get("signed_volumes")

    def enforces(self):
        return self.manifest["mode"] == "enforce"

    def lets_everybody(self):
        """Whether being allowed says nothing of who was."""
        names = self.manifest["default"]["grant"]
        grants = self.manifest.get("grants", {})
        names = [names] if isinstance(names, str) else names
        return any(name != "none" and grants.get(name, {}).get("commands", "some") != [] for name in names)

    def explain(self, subject):
        return bpfgate("explain", "--json", *self.words, subject)


def drain(directory):
    """The events that came up since the last time; None where there is no gate, or it shows nobody its events."""
    printed = bpfgate("events", "--json")
    if printed is None:
        return None
    with open(os.path.join(directory, "pending"), "a") as file:
        for event in printed["events"]:
            file.write(json.dumps({"bpfgate": 1, "command": "events", "event": event}) + "\n")
    return printed["events"]


def on_overlayfs(path):
    path, best = os.path.realpath(path), ("", "")
    with open("/proc/self/mountinfo") as file:
        for line in file:
            words = line.split()
            point, kind = words[4], words[words.index("-") + 1]
            if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
                best = point, kind
    return best[1] == "overlay"


def interpreter_of(path):
    """The program that the kernel runs in a file's place: that of its first line, or one that binfmt_misc has for it."""
    registered = "/proc/sys/fs/binfmt_misc"
    names = set(os.listdir(registered)) if os.path.isdir(registered) else set()
    for name in names - {"register", "status"}:
        with open(os.path.join(registered, name)) as file:
            fields = dict(line.partition(" ")[::2] for line in file.read().splitlines())
        if "extension" in fields and path.endswith(fields["extension"]):
            return fields["interpreter"]
    with open(path, "rb") as file:
        line = file.readline(200)
    return line[2:].split()[0].decode() if line.startswith(b"#!") else path


def is_program(word):
    return "/" in word and os.path.isfile(word) and os.access(word, os.X_OK)


def subject_of(words):
    """The file that asks in the end, and the verb it is given; None where the words do not tell."""
    words, root = list(words), ""
    if words[0] in RUNS_ANOTHER:
        root = words[1] if words[0] == "chroot" else ""
        while words and not is_program(root + words[0]):
            words.pop(0)
    if not words or not is_program(root + words[0]):
        return None, []
    program, rest = root + words[0], words[1:]
    if os.path.basename(program) in ("intruder", "holder") or rest[:1] and rest[0] in STARTS_ANOTHER:
        inner = [at for at, word in enumerate(rest) if is_program(word)]
        if inner:
            program, rest = rest[inner[-1]], rest[inner[-1] + 1:]
    return interpreter_of(program), rest


class Case:
    def __init__(self, directory, name):
        self.policy, self.tally, self.explained = Policy(directory), Tally(directory, name), {}

    def explain(self, path):
        """None, and a cause in the tally, where it cannot know."""
        if not os.path.isfile(path):
            return self.tally.skip("the file has no name, or is gone")
        if on_overlayfs(path) and self.policy.has_volumes():
            return self.tally.skip("overlayfs: only the kernel knows which file it is")
        if path not in self.explained:
            self.explained[path] = self.policy.explain(path)
        if self.explained[path] is None:
            self.tally.compare("verdict", "something", "nothing at all", path)
        return self.explained[path]

    def hold_event(self, event):
        reason, path = event["reason"], event["executable"]
        if not path:
            return self.tally.skip("the event names no file")
        if reason in ("volume-replaced", "taint-volume", "busy", "fault", "exe-changed"):
            return self.tally.skip(f"{reason}: only the kernel knows")
        if event["verdict"] not in ("loader", "library", "no-evidence"):
            return self.tally.skip("a process that was never judged")
        found = self.explain(path)
        if found is None:
            return None
        self.tally.compare("verdict", event["verdict"], found["verdict"], path)
        if reason in EVIDENCE:
            self.tally.compare("reason", reason, found["reason"], path)
        elif reason == "not-a-loader":
            self.tally.compare("reason", "library", found["verdict"], path)
        else:
            kind = "taint" if reason.startswith("taint-") else "what the process or the call is about"
            self.tally.skip(f"reasons of {kind}")
        return None

    def hold_answer(self, words):
        """It was let: so its file must be a loader, and what it has mapped as code proven."""
        if not self.policy.enforces():
            return self.tally.skip("audit mode lets everybody")
        path, rest = subject_of(words)
        if path is None or os.path.basename(path) == "bpfgate":
            return self.tally.skip("a command that is no file's, or not about bpf(2)")
        if self.policy.lets_everybody():
            return self.tally.skip("everybody is granted something")
        found = self.explain(path)
        if found is not None:
            self.tally.compare("verdict", True, found["loader"], path)
        return self.hold_mapping(rest, True)

    def hold_mapping(self, rest, is_proven):
        if len(rest) < 2 or rest[0] not in MAPS_A_FILE:
            return
        found = self.explain(rest[1])
        if found is not None:
            self.tally.compare("verdict", is_proven, found["verdict"] != "no-evidence", rest[1])

    def hold_events(self, events):
        for event in {json.dumps([e["executable"], e["verdict"], e["reason"]]): e for e in events}.values():
            self.hold_event(event)

    def hold(self, status, words, events):
        self.hold_events(events)
        if status == 0:
            self.hold_answer(words)
        elif any(event["reason"] == "taint-file" for event in events):
            self.hold_mapping(subject_of(words)[1], False)
        elif not events and words[0] == "bpfgate":
            self.tally.skip("bpfgate itself, which fails for many reasons")
        elif not events:
            self.tally.skip("refused, but not by the gate: there is no event")


def run_case(directory, status, name, *words):
    events = drain(directory)
    if events is None or int(status) > 1:
        return []
    if os.environ.get("cannot_know"):
        Tally(directory, name).skip(os.environ["cannot_know"])
        return []
    case = Case(directory, name)
    if os.environ.get("only_events"):
        case.hold_events(events)
        case.tally.skip(os.environ["only_events"])
    else:
        case.hold(int(status), words, events)
    return case.tally.differences


def run_rest(directory):
    """Whoever asks for them may be anywhere in a pipe, so what is wrong waits for the summary."""
    case = Case(directory, "an event")
    case.hold_events(drain(directory) or [])
    for difference in case.tally.differences:
        case.tally.note("difference", difference)
    return []


def run_process(directory, status, name, pid):
    case = Case(directory, name)
    found = case.policy.explain(pid)
    told = {"0": True, "1": False}.get(status, f"status {status}")
    case.tally.compare("process", told, found and found["loader"], f"process {pid}, {found and found['mark']}")
    return case.tally.differences


def run_summary(directory):
    counts, causes, differences = {}, {}, []
    with open(os.path.join(directory, "tally")) as file:
        for what, *cause in (line.rstrip("\n").split("\t") for line in file):
            counts[what] = counts.get(what, 0) + 1
            if what == "difference":
                differences += cause
            elif what == "skipped":
                causes[cause[0]] = causes.get(cause[0], 0) + 1
    for difference in differences:
        print(difference)
    for cause, count in sorted(causes.items()):
        print(f"explain was not asked: {count} times: {cause}")
    verdicts, reasons, processes = (counts.get(what, 0) for what in ("verdict", "reason", "process"))
    print(f"explain and the kernel: {verdicts} verdicts, {reasons} reasons and {processes} processes compared")
    return 0 if verdicts and reasons and not differences else 1


def answer(words):
    if words[0] == "summary":
        return run_summary(words[1])
    differences = {"case": run_case, "process": run_process, "rest": run_rest}[words[0]](*words[1:])
    for difference in differences:
        print(difference)
    return 1 if differences else 0


def word_from(stream):
    """None at the end of the stream."""
    word = bytearray()
    while (byte := stream.read(1)) and byte != b"\0":
        word += byte
    return os.fsdecode(bytes(word)) if byte else None


def questions(stream):
    while count := word_from(stream):
        yield [word_from(stream) for _ in range(int(count))]


def serve():
    """Whatever goes wrong in an answer is said in it, and is a difference."""
    for directory, path, cannot_know, only_events, *words in questions(sys.stdin.buffer):
        os.environ.update(PATH=path, cannot_know=cannot_know, only_events=only_events)
        said, status = io.StringIO(), 1
        with contextlib.redirect_stdout(said):
            try:
                os.chdir(directory)
                status = answer(words)
            except Exception:
                print(traceback.format_exc())
                if words[0] == "rest":  # whose status nobody sees
                    Tally(words[1], "an event").note("difference", traceback.format_exc().replace("\n", " "))
        sys.stdout.buffer.write(os.fsencode(f"{status}\n{said.getvalue()}\0"))
        sys.stdout.buffer.flush()


serve()
