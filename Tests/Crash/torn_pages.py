"""Power failures: every crash image of an operation's writes must open as the old or the new bundle, without damage.

The commit protocol (Formats/container.md, sections 3 and 7) reports damage only for a commit record that is torn within a sector;
the images here tear between sectors, and within the last write only in its order, which leaves an unfinished record at most.
"""
import hashlib

from checks import check_repeated
from disk_model import Disk

BODY = 12288  # where header and commit records end


def record(workshop, operation, place, broken=None):
    """Runs the operation with the bytes of its writes in the log. Returns the disk before it, and the calls."""
    workshop.fresh(operation, place)
    disk = Disk(place)
    outcome = workshop.program(operation.arguments, place, data=True, broken=broken)
    if outcome.status != 0:
        raise SystemExit(f"crash tests: {operation.name} while its writes are recorded: status {outcome.status}, {outcome.errors[-300:]}")
    return disk, outcome.calls


def cuts(call, numbers, count):
    """Where the call's write is cut short: at random places, and everywhere in a commit record."""
    size = call.result
    places = {numbers.randrange(1, size + 1) for _ in range(count)}
    if call.offset < BODY:
        places |= set(range(8, min(size, 129), 8))
    return sorted(places)


def crash_images(disk, calls, path, numbers, count, piece):
    """All pairs of a description and a content of `path`: prefixes of the calls, of single writes, and subsets of their pieces."""
    yield "before all calls", next(disk.images(path, numbers, 0))[1]
    for call in calls:
        inode = disk.current().get(path)
        if call.kind in ("write", "pwrite") and call.result > 0 and call.inode == inode:
            data, content = bytes.fromhex(call.data), disk.files[inode].versions[-1]
            for end in cuts(call, numbers, count):
                start = content.ljust(call.offset, b"\0")
                yield f"the first {end} of {len(data)} bytes of call {call.number}", start[:call.offset] + data[:end] + start[call.offset + end:]
        if disk.perform(call):
            for what, image in disk.images(path, numbers, count, piece):
                yield f"{what} of the writes up to call {call.number} ({call.kind})", image


def run(workshop, operation, report, folder, workers, numbers, count, broken=None, repeats=2, piece=4096):
    """Checks the images of one operation; the command is then run again on `repeats` of them."""
    check = f"torn pages: {operation.name}" + (f", {broken} broken" if broken else "")
    place = folder / "recorded"
    disk, calls = record(workshop, operation, place, broken)
    report.count(check, "calls", len(calls))
    images = {}
    for what, image in crash_images(disk, calls, str(place / operation.result), numbers, count, piece):
        if image is None and operation.old is None:
            continue
        images.setdefault(hashlib.sha256(image or b"").digest(), (what, image))
    report.count(check, "images", len(images))
    completed = set(numbers.sample(sorted(images), min(repeats, len(images))))

    def one(place, key):
        what, image = images[key]
        workshop.fresh(operation, place)
        result = place / operation.result
        if image is None:
            report.fail(check, what, f"{operation.result} is gone")
            return
        result.write_bytes(image)
        state = workshop.program.state(result)
        if state not in (operation.old, operation.new):
            report.fail(check, what, f"{operation.result} is neither the old nor the new bundle: {state}")
        elif key in completed:
            report.count(check, "completed")
            for finding in check_repeated(workshop, operation, place, state):
                report.fail(check, what, finding)
    workers.each(sorted(images), one)
    report.line(check)
