"""Power failures that tear a whole folder: the bundle, and the work folder beside it with its ledger, records and intermediates.

At a random call the power fails: every file is left with a mixture of its contents since the last fsync, and the names are those
of a prefix of the changes that no fsync of a folder has made durable. The same command must then end with the bytes of a run
without faults.
"""
import shutil

from checks import check_repeated, check_state
from torn_pages import record


def folder_images(disk, calls, numbers, count):
    """`count` pairs of a description and the contents of all files by path, in the order of the calls at which the power fails."""
    times = sorted(numbers.randrange(len(calls) + 1) for _ in range(count))
    for index in range(len(calls) + 1):
        while times and times[0] == index:
            times.pop(0)
            yield f"after {index} of {len(calls)} calls", disk.folder_image(numbers)
        if index < len(calls):
            disk.perform(calls[index])


def run(workshop, operation, report, folder, workers, numbers, count):
    """Checks `count` images of one operation."""
    check = f"torn folders: {operation.name}"
    recorded = folder / "recorded"
    disk, calls = record(workshop, operation, recorded)
    report.count(check, "calls", len(calls))
    images = list(folder_images(disk, calls, numbers, count))

    def one(place, image):
        what, files = image
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in operation.files:  # folders without a file of their own, such as a model's, are there too
            if (workshop.base / name).is_dir():
                (place / name).mkdir(exist_ok=True)
        for path, content in files.items():
            target = place / path.removeprefix(f"{recorded}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        report.count(check, "images")
        state = workshop.program.state(place / operation.result)
        for finding in check_state(operation, place, state):
            report.fail(check, what, finding)
        for finding in check_repeated(workshop, operation, place, state):
            report.fail(check, what, finding)
    workers.each(images, one)
    report.line(check)
