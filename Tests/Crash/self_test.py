"""Shows that the checks can fail: each of these faults in the program must be reported."""
import contextlib
import io

import injections
import torn_pages
from checks import Report, check_all

FAULTS = {
    "syncs that do nothing, in an edit": ("transfer", "fsync"),
    "syncs that do nothing, in a replacement": ("compact", "fsync"),
    "a copy in place of the rename": ("compact", "rename"),
}


def silently(body):
    """The failures that `body` reports, which it prints nowhere."""
    report = Report()
    with contextlib.redirect_stdout(io.StringIO()):
        body(report)
    return report.failures


def kill_in_copy(workshop, operation, place, report):
    """Kills the command while it copies its result into place."""
    workshop.fresh(operation, place)
    calls = workshop.program(operation.arguments, place, broken="rename").calls
    into = [call.number for call in calls if call.kind == "pwrite" and call.path == str(place / operation.result)]
    workshop.fresh(operation, place)
    outcome = workshop.program(operation.arguments, place, broken="rename", fault=(into[len(into) // 2], "kill-before"))
    for finding in check_all(workshop, operation, place, outcome):
        report.fail("self test", "kill", finding)


def lose_write(workshop, operation, place, report):
    """Lets a write report success and write nothing: the result is wrong under status 0."""
    number = next(call.number for call in operation.calls if call.kind == "pwrite" and call.count > 4096)
    injections.inject(workshop, operation, place, number, "lose", report, "self test")


def run(workshop, operations, report, folder, workers, numbers):
    check = "self test"
    tests = {
        what: lambda quiet, name=name, broken=broken: torn_pages.run(
            workshop, operations[name], quiet, folder, workers, numbers, 4, broken, 0)
        for what, (name, broken) in FAULTS.items()}
    tests["a kill during a copy in place of the rename"] = lambda quiet: kill_in_copy(workshop, operations["compact"], folder / "copy", quiet)
    tests["a write that is lost"] = lambda quiet: lose_write(workshop, operations["recode"], folder / "lost", quiet)
    for what, body in tests.items():
        report.count(check, "faults")
        if silently(body):
            report.count(check, "found")
        else:
            report.fail(check, what, "the checks don't see it")
    report.line(check)
