"""Each call of an operation failed once with each error that fits it, cut short, and killed before, during and after it."""
import errno
import shutil

from checks import check_all

SPACE = ("ENOSPC", "EDQUOT", "EIO")
ERRORS = {
    "write": (*SPACE, "EINTR"), "pwrite": (*SPACE, "EINTR"), "copy_file_range": SPACE, "sendfile": SPACE,
    "fsync": (*SPACE, "EINTR"), "fdatasync": (*SPACE, "EINTR"), "msync": ("EIO",), "syncfs": ("EIO",),
    "rename": ("EACCES", "ENOSPC", "EIO", "EROFS"), "link": ("EACCES", "ENOSPC", "EIO"), "symlink": ("EACCES", "ENOSPC"),
    "ftruncate": ("EIO", "EINTR"), "truncate": ("EIO", "EINTR"), "fallocate": SPACE, "posix_fallocate": (*SPACE, "EINTR"),
    "unlink": ("EACCES", "EIO"), "rmdir": ("EACCES", "EIO"), "mkdir": ("EACCES", "ENOSPC"), "opendir": ("EMFILE", "ENOMEM"),
    "create": ("EMFILE", "EACCES", "ENOSPC", "EINTR"), "open": ("EMFILE", "ENOMEM", "EINTR"), "read": ("EIO", "EINTR"),
    "pread": ("EIO", "EINTR"), "flock": ("EINTR", "ENOLCK", "EAGAIN"), "unlock": ("EINTR",), "mmap": ("ENOMEM",),
    "fchmod": ("EPERM", "EIO"), "fchown": ("EPERM", "EIO"), "fsetxattr": ("EPERM", "ENOSPC", "EIO"),
    "fremovexattr": ("EPERM", "EIO"),
}
SHORT = ("write", "pwrite", "read", "pread", "copy_file_range", "sendfile")
WRITES = ("write", "pwrite", "copy_file_range", "sendfile")
# Calls that change nothing on disk: a kill there is the same as one at the next call that does.
READING = ("open", "opendir", "read", "pread", "mmap", "flock", "unlock")


def cases(operation):
    """All pairs of a call's number and what it does."""
    for call in operation.calls:
        for name in ERRORS[call.kind]:
            yield call.number, f"fail={getattr(errno, name)}"
        if call.kind in SHORT:
            yield call.number, "short"
        if call.kind not in READING:
            yield call.number, "kill-before"
            yield call.number, "kill-after"
        if call.kind in WRITES:
            yield call.number, "kill-during"
            yield call.number, "full"


def describe(operation, number, action):
    kind = operation.calls[number - 1].kind
    if action.startswith("fail="):
        action = errno.errorcode[int(action[5:])]
    return f"`ctpack {' '.join(operation.arguments)}`, call {number} ({kind}): {action}"


def inject(workshop, operation, place, number, action, report, check):
    workshop.fresh(operation, place)
    outcome = workshop.program(operation.arguments, place, fault=(number, action))
    # A killed process may not have written the line of its last call.
    reached = max((call.number for call in outcome.calls), default=0) >= number - 1
    report.count(check, "injections")
    if not reached:
        report.count(check, "not reached")
    for finding in check_all(workshop, operation, place, outcome, outcome.call(number)):
        report.fail(check, describe(operation, number, action), finding)


def run(workshop, operation, report, workers, numbers=None, sample=None):
    """Injects all cases, or `sample` of them that `numbers` draws, of which each kind of call has its share."""
    check = f"injections: {operation.name}"
    chosen = list(cases(operation))
    report.count(check, "calls", len(operation.calls))
    if sample and sample < len(chosen):
        groups = {}
        for case in chosen:
            groups.setdefault((operation.calls[case[0] - 1].kind, case[1]), []).append(case)
        chosen, order = [], sorted(groups)
        numbers.shuffle(order)
        while len(chosen) < sample and order:
            for group in list(order):
                chosen.append(groups[group].pop(numbers.randrange(len(groups[group]))))
                if not groups[group]:
                    order.remove(group)
        chosen = chosen[:sample]
    workers.each(chosen, lambda place, case: inject(workshop, operation, place, *case, report, check))
    report.line(check)


class Workers:
    """Runs cases on several threads, each in a folder of its own."""

    def __init__(self, folder, count):
        self.places = [folder / f"place-{number}" for number in range(count)]

    def each(self, cases, body):
        import concurrent.futures
        import queue
        free = queue.Queue()
        for place in self.places:
            free.put(place)

        def one(case):
            place = free.get()
            try:
                body(place, case)
            finally:
                free.put(place)
        with concurrent.futures.ThreadPoolExecutor(len(self.places)) as pool:
            for _ in pool.map(one, cases):
                pass
        for place in self.places:
            shutil.rmtree(place, ignore_errors=True)
