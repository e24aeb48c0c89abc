"""What must hold after a fault: the bundle is the old or the new one, and the command when repeated ends with the new one."""
import collections
import pathlib
import re
import threading

from program import HUNG, KILLED, State, last_line, names, sha256

FAILED = (65, 71, 73, 74, 75)


class Report:
    """Counts per check, and the failures with what was seen."""

    def __init__(self):
        self.rows, self.failures, self.lock = {}, [], threading.Lock()

    def count(self, check, what, number=1):
        with self.lock:
            self.rows.setdefault(check, collections.Counter())[what] += number

    def fail(self, check, case, found):
        with self.lock:
            self.rows.setdefault(check, collections.Counter())["failures"] += 1
            self.failures.append({"check": check, "case": case, "found": found})
            print(f"FAILED {check}: {case}: {found}", flush=True)

    def line(self, check):
        row = self.rows.get(check, {})
        print(f"{check}: " + ", ".join(f"{row[key]} {key}" for key in row) + ("" if row.get("failures") else ", 0 failures"), flush=True)


def errors_name_a_file(operation, outcome, call):
    """Whether the message names the file of the failed call, its folder, or a file of the command."""
    known = {operation.result, *operation.files}
    if call:
        for path in filter(None, (call.path, call.second)):
            known |= {pathlib.Path(path).name, pathlib.Path(path).parent.name}
    elif re.search(r"^ctpack: [^:/]+\.work/[^:]+: ", outcome.errors, re.MULTILINE):
        # Which call met the full disk isn't known; it may have been one on the command's work folder.
        return True
    return any(word and word in outcome.errors for word in known)


def check_outcome(operation, outcome, state, call):
    """Yields what is wrong with how a run ended, if it wasn't killed by us."""
    if outcome.status == HUNG:
        yield outcome.errors
    elif outcome.status == 0:
        if state != operation.new:
            yield f"status 0, but the result is {state}"
    elif outcome.status not in FAILED:
        yield f"status {outcome.status}: {last_line(outcome.errors)}"
    elif not errors_name_a_file(operation, outcome, call):
        yield f"status {outcome.status}, and no file is named: {last_line(outcome.errors)}"


def check_state(operation, place, state):
    """Yields what is wrong with the files right after the fault."""
    if state not in (operation.old, operation.new):
        yield f"{operation.result} is neither the old nor the new bundle: {state}"
    for name, digest in operation.inputs.items():
        if sha256(place / name) != digest:
            yield f"{name} was changed"


def check_repeated(workshop, operation, place, state, prefix=()):
    """Runs the command again without faults; yields what is wrong then."""
    result = place / operation.result
    before = sha256(result)
    again = workshop.program(operation.arguments, place, prefix)
    after = workshop.program.state(result)
    if state == operation.old or operation.repeatable:
        if again.status != 0:
            yield f"repeated: status {again.status}: {last_line(again.errors)}"
        elif sha256(result) != operation.new_bytes:
            yield f"repeated: status 0, but other bytes than without the fault: {after}"
    elif isinstance(after, State) and after.digest == operation.new.digest:
        # The edit was done; the same again is refused (64: the prompt is gone, or there already) or changes nothing that counts.
        if again.status not in (0, 64):
            yield f"repeated after it was done: status {again.status}: {last_line(again.errors)}"
        if again.status == 64 and sha256(result) != before:
            yield "repeated after it was done: status 64, but the bundle was changed"
    else:
        yield f"repeated after it was done: {after}"
    left = names(place) - operation.left
    if left:
        yield f"left after the second run: {', '.join(sorted(left)[:4])}"


def check_all(workshop, operation, place, outcome, call=None, prefix=()):
    """All findings after a run with a fault."""
    state = workshop.program.state(place / operation.result)
    findings = [] if outcome.status in KILLED else list(check_outcome(operation, outcome, state, call))
    findings += check_state(operation, place, state)
    findings += check_repeated(workshop, operation, place, state, prefix)
    return findings
