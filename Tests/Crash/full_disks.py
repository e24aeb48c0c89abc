"""Operations on a file system with little room: the old bundle stays, the error says so, and with room the command ends well."""
import contextlib
import os
import subprocess

from checks import check_outcome, check_repeated, check_state

SIZE = 16 << 20
CHUNK = 4096


@contextlib.contextmanager
def small_file_system(folder):
    """Mounts a file system of SIZE bytes in memory; gives None where that isn't allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], capture_output=True).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, room):
    """Fills the file system but for `room` bytes; returns the file that does."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    rest = free.f_bavail * free.f_frsize - room
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(CHUNK, rest // CHUNK * CHUNK))
    return filler


def one(workshop, operation, folder, room, report, check):
    place = workshop.fresh(operation, folder / "place")
    filler = fill(folder, room)
    outcome = workshop.program(operation.arguments, place)
    state = workshop.program.state(place / operation.result)
    findings = list(check_outcome(operation, outcome, state, None)) + list(check_state(operation, place, state))
    filler.unlink()
    findings += check_repeated(workshop, operation, place, state)
    report.count(check, "sizes")
    report.count(check, "done" if outcome.status == 0 else "refused")
    for finding in findings:
        report.fail(check, f"`ctpack {' '.join(operation.arguments)}` with {room} bytes free", finding)


def run(workshop, operations, report, folder, numbers, sizes):
    """Tries `sizes` amounts of room per operation, from none to what it needs."""
    check = "full disks"
    with small_file_system(folder) as mounted:
        if not mounted:
            print("*** SKIPPED: full disks. Mounting a tmpfs needs root and the right to mount. ***", flush=True)
            report.count(check, "skipped")
            return
        for operation in operations:
            place = workshop.fresh(operation, mounted / "place")
            before = os.statvfs(mounted).f_bavail
            workshop.program(operation.arguments, place)
            # Temporary files need more than what remains; twice that and 256 KiB is enough for most.
            needed = (before - os.statvfs(mounted).f_bavail) * CHUNK * 2 + (256 << 10)
            chosen = {0, CHUNK, *(numbers.randrange(0, needed, CHUNK) for _ in range(max(0, sizes - 2)))}
            for room in sorted(chosen):
                one(workshop, operation, mounted, room, report, check)
    report.line(check)
