"""The texts of protocol ctp-1024 as plain files, so that all programs measure the same characters.

C4: the first 1,100 documents joined by a space. WikiText-2: the raw rows, newline kept, blank rows empty, joined by two newlines.
Penn Treebank: the rows, stripped and joined by a space.
"""
import json
import pathlib

NAMES = ("c4-validation", "wikitext-2-test", "ptb-test")


def arguments(parser):
    for option, help_text in (("--c4", "C4 validation, one {\"text\": …} per line"), ("--wikitext", "the raw test split of WikiText-2"),
                              ("--ptb", "the test split of Penn Treebank")):
        parser.add_argument(option, type=pathlib.Path, required=True, help=help_text)


def rows(path):
    lines = pathlib.Path(path).read_bytes().decode("utf-8").split("\n")
    return lines if lines[-1] else lines[:-1]


def write(c4, wikitext, ptb, out):
    """Writes the texts as files and returns their paths by name."""
    documents = [json.loads(row)["text"] for row in rows(c4) if row.strip()][:1100]
    joined = (
        " ".join(documents),
        "\n\n".join(row + "\n" if row.strip() else "" for row in rows(wikitext)),
        " ".join(row.strip() for row in rows(ptb)),
    )
    out.mkdir(parents=True, exist_ok=True)
    paths = {name: out / f"{name}.txt" for name in NAMES}
    for name, text in zip(NAMES, joined):
        paths[name].write_bytes(text.encode("utf-8"))
    return paths


def prepare(options, tools):
    """Writes the texts into the work folder and returns their paths by name; a dry run only prints the command."""
    folder = tools.work / "texts"
    if tools.dry:
        print(f"study.py texts --c4 {options.c4} --wikitext {options.wikitext} --ptb {options.ptb} {folder}")
        return {name: folder / f"{name}.txt" for name in NAMES}
    return write(options.c4, options.wikitext, options.ptb, folder)
