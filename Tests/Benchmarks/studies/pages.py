"""Writes the tables of README.md and Results/*.md, between `<!-- begin: NAME -->` and `<!-- end: NAME -->`, from Results/*.json."""
import difflib
import re
import sys

from .results import FOLDER
from .tools import ROOT

MARKED = re.compile(r"<!-- begin: (?P<name>[^ ]+) -->\n.*?<!-- end: (?P=name) -->", re.DOTALL)


def rendered(page, tables, used):
    """A page's text with its tables made from the data; adds their names to `used`."""
    def make(match):
        name = match["name"]
        if name not in tables:
            sys.exit(f"{page}: no study has a table `{name}`; the tables are {', '.join(sorted(tables))}")
        used.append(name)
        return f"<!-- begin: {name} -->\n{tables[name]().strip()}\n<!-- end: {name} -->"

    return MARKED.sub(make, page.read_text(encoding="utf-8"))


def render(studies, write, check):
    """Writes the pages, or prints the differences. Returns 1 if pages differ and were not written."""
    tables = {name: make for study in studies.values() for name, make in study.items()}
    used, differing = [], 0
    for page in [ROOT / "README.md", *sorted(FOLDER.glob("*.md"))]:
        old = page.read_text(encoding="utf-8")
        new = rendered(page, tables, used)
        if old == new:
            continue
        differing += 1
        name = str(page.relative_to(ROOT))
        if write:
            page.write_text(new, encoding="utf-8")
            print(f"{name}: written")
        else:
            print(*difflib.unified_diff(old.splitlines(), new.splitlines(), name, "from Results/*.json", "", "", 1, ""), sep="\n")
    for name in sorted(set(tables) - set(used)):
        sys.exit(f"the table `{name}` is on no page")
    if differing and check:
        print("the pages differ from the data; run `Tests/Benchmarks/study.py render --write`", file=sys.stderr)
    return 1 if differing and not write else 0
