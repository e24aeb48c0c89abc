"""A build killed again and again at random calls and moments, then completed: the same bytes, and nothing left."""
import time

from checks import check_repeated
from program import KILLED

OPERATION = "run"
MEMORY = ([], ["--memory", "1MiB"])


def interrupt(workshop, operation, place, numbers, seconds):
    """Runs the build and kills it; says where, and whether the kill came before the end."""
    arguments = operation.arguments + numbers.choice(MEMORY)
    if numbers.random() < 0.5:
        call = numbers.randrange(1, len(operation.calls) + 1)
        action = numbers.choice(("kill-before", "kill-after", "kill-during"))
        return f"{action} call {call}", workshop.program(arguments, place, fault=(call, action)).status
    wait = numbers.random() * seconds
    running = workshop.program.start(arguments, place)
    time.sleep(wait)
    running.kill()
    return f"after {wait:.4f} s", running.wait()


def round_of(workshop, operation, place, numbers, count, seconds, report, check):
    """Kills one build `count` times, but no more than until it is done, and completes it. Returns the number of kills."""
    workshop.fresh(operation, place)
    kills, history = 0, []
    while kills < count:
        where, status = interrupt(workshop, operation, place, numbers, seconds)
        history.append(where)
        if status in KILLED:
            kills += 1
        elif status == 0:
            break
        else:
            report.fail(check, "; ".join(history), f"a run between kills ended with status {status}")
            break
    report.count(check, "kills", kills)
    for finding in check_repeated(workshop, operation, place, operation.old):
        report.fail(check, "; ".join(history), finding)
    return kills


def run(workshop, operation, report, place, numbers, total):
    check = f"kills: {operation.name}"
    workshop.fresh(operation, place)
    start = time.monotonic()
    workshop.program(operation.arguments, place)
    seconds = time.monotonic() - start
    report.count(check, "calls", len(operation.calls))
    kills = 0
    while kills < total:
        report.count(check, "builds")
        kills += round_of(workshop, operation, place, numbers, min(numbers.randrange(1, 9), total - kills), seconds, report, check)
    report.line(check)
