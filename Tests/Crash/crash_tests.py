#!/usr/bin/env python3
"""Breaks ctpack at its system calls, and checks that no bundle is lost, nothing is left, and the same command then ends well.

  crash_tests.py --reduced     a seeded sample, in a few minutes
  crash_tests.py --full        every call of every operation, 1,000 kills of a build
  crash_tests.py --break       only the test of the checks themselves: faults that they must report

Needs a C compiler. Full disks need root, namespaces of process numbers `unshare`, traced calls `strace`; what is missing is skipped
and says so. Exit status: 0 all held, 1 not, 2 wrong usage.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

import full_disks
import injections
import kills
import namespaces
import self_test
import torn_folders
import torn_pages
import traced_calls
from checks import Report
from operations import OPERATIONS, Workshop
from program import Program

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKS = ("calls", "injections", "kills", "disks", "namespaces", "pages", "break")


def parser():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = top.add_mutually_exclusive_group()
    mode.add_argument("--reduced", action="store_true", help="a seeded sample (the default)")
    mode.add_argument("--full", action="store_true", help="all calls, errors and kills")
    mode.add_argument("--break", dest="broken", action="store_true", help="only the test of the checks themselves")
    top.add_argument("--program", type=pathlib.Path, default=ROOT / ".build/release/ctpack", help="the program (default: the release build)")
    top.add_argument("--seed", type=int, default=1, help="seed of the sample (default: 1)")
    top.add_argument("--kills", type=int, help="kills of a build (default: 1000, reduced 40)")
    top.add_argument("--sample", type=int, help="injections per operation (default: all, reduced 50)")
    top.add_argument("--operation", action="append", choices=[operation.name for operation in OPERATIONS], help="only this one; repeat for several")
    top.add_argument("--check", action="append", choices=CHECKS, help="only this check; repeat for several")
    top.add_argument("--jobs", type=int, default=max(1, os.cpu_count() or 1), help="cases at once (default: one per core)")
    top.add_argument("--folder", type=pathlib.Path, help="where temporary files go (default: the system's folder)")
    top.add_argument("--json", type=pathlib.Path, help="a file for counts and failures")
    return top


def run(options, report, folder):
    checks = ("break",) if options.broken else options.check or CHECKS
    workshop = Workshop(Program(options.program, folder), folder)
    operations = {}
    for operation in OPERATIONS:
        if not workshop.has(operation):
            print(f"*** SKIPPED: {operation.name}. This program has no such command. ***", flush=True)
            continue
        workshop.rehearse(operation)
        operations[operation.name] = operation
    chosen = [operation for name, operation in operations.items() if not options.operation or name in options.operation]
    workers = injections.Workers(folder, options.jobs)

    def numbers(what):
        return random.Random(f"{options.seed} {what}")  # a stream of its own, which other checks don't move
    if "break" in checks:
        self_test.run(workshop, operations, report, folder, workers, numbers("break"))
    for operation in chosen:
        if "calls" in checks:
            traced_calls.run(workshop, operation, report, folder)
        if "pages" in checks:
            torn_pages.run(
                workshop, operation, report, folder, workers, numbers("pages " + operation.name), 200 if options.full else 3,
                repeats=200 if options.full else 4, piece=512 if options.full else 4096)
            torn_folders.run(workshop, operation, report, folder, workers, numbers("folders " + operation.name), 300 if options.full else 4)
        if "injections" in checks:
            injections.run(workshop, operation, report, workers, numbers(operation.name), options.sample)
    if "kills" in checks and kills.OPERATION in operations:
        kills.run(workshop, operations[kills.OPERATION], report, folder / "kills", numbers("kills"), options.kills)
    if "disks" in checks:
        full_disks.run(workshop, chosen, report, folder / "disk", numbers("disks"), 60 if options.full else 4)
    if "namespaces" in checks:
        namespaces.run(workshop, chosen, report, workers, numbers("namespaces"), None if options.full else 4)


def main():
    options = parser().parse_args()
    if not options.program.exists():
        print(f"crash tests: {options.program} is missing; build it (`make build`), or give --program", file=sys.stderr)
        return 2
    if options.kills is None:
        options.kills = 1000 if options.full else 40
    if options.sample is None and not options.full:
        options.sample = 50
    print(f"crash tests: {'full' if options.full else 'reduced'}, --seed {options.seed}", flush=True)
    report, start = Report(), time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ctpack-crash-", dir=options.folder)).resolve()
    try:
        run(options, report, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        page = {"seed": options.seed, "full": options.full, "checks": report.rows, "failures": report.failures}
        options.json.write_text(json.dumps(page, indent=1) + "\n")
    print(f"crash tests: {len(report.failures)} failures, {time.monotonic() - start:.0f} s", flush=True)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
