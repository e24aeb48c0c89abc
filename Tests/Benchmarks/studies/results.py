"""The JSON files in Results/: tables of records, one per line, each with the date, commit and machine of its measurement."""
import datetime
import json
import os
import pathlib
import subprocess

from .tools import HERE, ROOT

FOLDER = HERE / "Results"


class Results:
    """A study's JSON file. Each change reads the file, changes it and writes it at once, so that several runs can add to it."""

    def __init__(self, study):
        self.path = FOLDER / f"{study}.json"

    def read(self):
        return json.loads(self.path.read_text(encoding="utf-8"))["tables"] if self.path.exists() else {}

    def table(self, name):
        return self.read().get(name, {"records": []})

    def records(self, name):
        return self.table(name)["records"]

    def by(self, key, name):
        """A table's records as a dictionary by one of their members."""
        return {record[key]: record for record in self.records(name)}

    def keep(self, tools, name, record, keys, settings=None, disturbed=False):
        """Adds a record to a table, or replaces the one with the same values of `keys`."""
        if tools.dry:
            return
        tables = self.read()
        table = tables.setdefault(name, {"records": []})
        if settings:
            table = tables[name] = {**table, "settings": settings}
        record = {**record, "measured": stamp(disturbed)}
        places = [at for at, old in enumerate(table["records"]) if all(old.get(key) == record.get(key) for key in keys)]
        if places:
            table["records"][places[0]] = record
        else:
            table["records"].append(record)
        self.write(tables)

    def write(self, tables):
        parts = []
        for name, table in tables.items():
            head = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}, " for key, value in table.items() if key != "records"]
            records = ",\n".join(json.dumps(record, ensure_ascii=False) for record in table["records"])
            parts.append(f'{json.dumps(name)}: {{{"".join(head)}"records": [\n{records}\n]}}')
        part = self.path.with_name(self.path.name + ".part")
        part.write_text('{"tables": {\n' + ",\n".join(parts) + "\n}}\n", encoding="utf-8")
        os.replace(part, self.path)


def stamp(disturbed=False):
    """The date, commit and machine of a measurement made now."""
    found = {"date": datetime.date.today().isoformat(), "commit": commit(), "machine": machine()}
    return {**found, "disturbed": True} if disturbed else found


def commit():
    """The commit's short hash, with a + if tracked files have changed; None outside a repository."""
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def machine():
    """The processor's name and widest vector instructions, the number of usable cores, and the memory in GiB."""
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    known = (("avx512_bf16", "AVX-512 with BF16"), ("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimddp", "NEON with dot products"),
             ("asimd", "NEON"))
    widest = next((name for flag, name in known if flag in flags), "no vector instructions known here")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = fields.get("model name", "unknown processor")
    return f"{name} ({widest}), {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"
