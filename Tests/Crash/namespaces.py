"""Kills in containers, where the program has the same small process number on each run."""
import subprocess

from checks import check_repeated, check_state
from injections import READING
from program import KILLED


def prefix():
    """The words that run a command as the first process of a namespace of process numbers; None where that isn't allowed."""
    for words in ["unshare", "--pid", "--fork", "--mount-proc"], ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]:
        try:
            if subprocess.run([*words, "true"], capture_output=True).returncode == 0:
                return words
        except FileNotFoundError:
            break
    return None


def run(workshop, operations, report, workers, numbers, sample):
    check = "namespaces"
    words = prefix()
    if not words:
        print("*** SKIPPED: namespaces. `unshare --pid` is missing or not allowed. ***", flush=True)
        report.count(check, "skipped")
        return

    def one(place, case):
        operation, number = case
        workshop.fresh(operation, place)
        outcome = workshop.program(operation.arguments, place, words, fault=(number, "kill-before"))
        state = workshop.program.state(place / operation.result)
        report.count(check, "kills")
        findings = [] if outcome.status in KILLED else [f"the kill ended with status {outcome.status}: {outcome.errors[-200:]}"]
        findings += [*check_state(operation, place, state), *check_repeated(workshop, operation, place, state, words)]
        for finding in findings:
            report.fail(check, f"`ctpack {' '.join(operation.arguments)}` as process 1, killed before call {number}", finding)

    for operation in operations:
        chosen = [(operation, call.number) for call in operation.calls if call.kind not in READING]
        workers.each(numbers.sample(chosen, min(sample, len(chosen))) if sample else chosen, one)
    report.line(check)
