"""The library of faults sees all calls: its log has as many of each kind as strace sees on the same run."""
import collections
import os
import re
import shutil
import subprocess

KINDS = {
    "pwrite64": "pwrite", "write": "write", "writev": "write", "fsync": "fsync", "fdatasync": "fdatasync", "rename": "rename",
    "renameat": "rename", "renameat2": "rename", "ftruncate": "ftruncate", "unlink": "unlink", "unlinkat": "unlink", "rmdir": "rmdir",
    "mkdir": "mkdir", "mkdirat": "mkdir", "link": "link", "linkat": "link", "symlink": "symlink", "fallocate": "fallocate",
    "copy_file_range": "copy_file_range", "sendfile": "sendfile", "flock": "flock", "msync": "msync", "fchmod": "fchmod",
    "fchown": "fchown", "fsetxattr": "fsetxattr", "fremovexattr": "fremovexattr",
    "open": "open", "openat": "open", "creat": "open", "pwritev": "pwrite", "truncate": "truncate",
}
# Kinds of the log that strace shows under one name. Folders that the C library opens to list them aren't compared.
SAME = {"create": "open", "unlock": "flock", "posix_fallocate": "fallocate"}


def traced(text, place):
    """Counts the calls in strace's output on files below `place`."""
    counts = collections.Counter()
    for line in text.splitlines():
        match = re.match(r"(?:\[pid +)?(?:\d+\]? +)?(\w+)\((.*)", line)
        if not match or match[1] not in KINDS or ".calls" in line or "O_DIRECTORY" in line and "O_TMPFILE" not in line:
            continue
        name, rest = match[1], match[2]
        kind = "rmdir" if name == "unlinkat" and "AT_REMOVEDIR" in rest else KINDS[name]
        quoted = re.search(r'"([^"]*)"', rest) if kind in ("open", "rename", "unlink", "rmdir", "mkdir", "link", "symlink", "truncate") else None
        if quoted:
            below = not quoted[1].startswith("/") or quoted[1].startswith(str(place))
        else:
            below = kind == "msync" or re.match(rf"\d+<{re.escape(str(place))}", rest)
        if below:
            counts[kind] += 1
    return counts


def is_folder(call):
    return call.kind == "opendir" or call.kind == "open" and call.count & os.O_DIRECTORY


def run(workshop, operation, report, folder):
    check = f"traced calls: {operation.name}"
    if not shutil.which("strace"):
        print("*** SKIPPED: traced calls. strace is missing. ***", flush=True)
        report.count(check, "skipped")
        return
    place = workshop.fresh(operation, folder / "traced")
    trace = folder / "traced.strace"
    outcome = workshop.program(
        operation.arguments, place, ["strace", "-f", "-y", "-qq", "-s", "0", "-o", trace, "-e", "trace=" + ",".join(KINDS)], fault=None)
    if outcome.status != 0 or not trace.exists():
        print(f"*** SKIPPED: traced calls. strace doesn't work here: {outcome.errors[-200:]} ***", flush=True)
        report.count(check, "skipped")
        return
    seen = traced(trace.read_text(errors="replace"), place)
    logged = collections.Counter(SAME.get(call.kind, call.kind) for call in outcome.calls if not is_folder(call))
    report.count(check, "calls", sum(seen.values()))
    for kind in sorted(set(KINDS.values())):
        if seen[kind] != logged[kind]:
            report.fail(check, kind, f"strace sees {seen[kind]} calls, the library {logged[kind]}")
    report.line(check)
