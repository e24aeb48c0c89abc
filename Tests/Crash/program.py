"""Runs ctpack under the library of faults, and says what it left on disk."""
import collections
import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
KILLED = (-9, 137)  # by the signal, or by the exit that stands for it in the first process of a namespace
HUNG = "hung"
TIMEOUT = 120  # seconds

Call = collections.namedtuple("Call", "number kind result error offset count inode path second data")
# The state of a bundle: what it holds, and how often it was edited.
State = collections.namedtuple("State", "digest generation")


@dataclasses.dataclass
class Outcome:
    """How a run ended: its status (negative for a signal), what it printed, and its calls on files."""
    status: object
    output: str
    errors: str
    calls: list

    def call(self, number):
        return next((call for call in self.calls if call.number == number), None)


def read_calls(path):
    try:
        text = path.read_text(errors="surrogateescape")
    except FileNotFoundError:
        return []
    calls = []
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) != 10:  # the process was killed while it wrote its last line
            continue
        number, kind, result, error, offset, count, inode, first, second, data = fields
        calls.append(Call(
            int(number), kind, int(result), int(error), int(offset), int(count), int(inode), os.path.normpath(first),
            os.path.normpath(second) if second else "", data))
    return calls


class Program:
    """The program under test, and the compiled library that is preloaded into it."""

    def __init__(self, path, folder):
        self.path = pathlib.Path(path).resolve()
        self.library = folder / "fault.so"
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-U_FORTIFY_SOURCE", "-o", self.library, HERE / "fault.c", HERE / "fault_calls.c",
             "-ldl"], check=True)

    def environment(self, folder, fault=None, data=False, broken=None, log=None):
        """The variables that put the faults into a run in `folder`. `fault` is a pair: the call's number, and what it does."""
        names = {"LD_PRELOAD": str(self.library), "CTPACK_FAULT_ROOT": str(folder)}
        if log:
            names["CTPACK_FAULT_LOG"] = str(log)
        if fault:
            names["CTPACK_FAULT_AT"], names["CTPACK_FAULT_DO"] = str(fault[0]), fault[1]
        if data:
            names["CTPACK_FAULT_DATA"] = "1"
        if broken:
            names["CTPACK_FAULT_BREAK"] = broken
        return {**os.environ, **names}

    def __call__(self, arguments, folder, prefix=(), **faults):
        """Runs the program in `folder`, with the faults' library if there are `faults` (see environment), and waits for it."""
        log = folder.with_name(folder.name + ".calls")
        log.unlink(missing_ok=True)
        environment = self.environment(folder, log=log, **faults) if faults else None
        try:
            done = subprocess.run(
                [*prefix, self.path, *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT,
                env=environment, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            return Outcome(HUNG, "", f"no end after {TIMEOUT} seconds", read_calls(log))
        return Outcome(done.returncode, done.stdout, done.stderr, read_calls(log) if faults else [])

    def start(self, arguments, folder):
        return subprocess.Popen(
            [self.path, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def state(self, path):
        """The state of the bundle at `path` after a full check: None if there is none, a string with the finding if it isn't sound."""
        if not path.exists():
            return None
        checked = self(["inspect", path, "--verify", "full", "--json"], path.parent)
        try:
            page = json.loads(checked.output)
        except ValueError:
            page = {}
        if checked.status != 0 or "digest" not in page:
            return f"inspect --verify full: status {checked.status}, {last_line(checked.errors)}"
        return State(page["digest"], page["generation"])


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1][-300:] if lines else "(nothing printed)"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def names(folder):
    """The names of all files and folders below `folder`."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
