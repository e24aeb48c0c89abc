"""Markdown tables, with protocol and provenance."""
import math


def table(header, rows):
    """A Markdown table; columns whose header starts with `>` are right-aligned."""
    names = [name.lstrip(">") for name in header]
    lines = ["| " + " | ".join(names) + " |", "|" + "|".join("--:" if name.startswith(">") else "---" for name in header) + "|"]
    return "\n".join(lines + ["| " + " | ".join(cell for cell in row) + " |" for row in rows])


def number(value, digits=2):
    """A number with fixed decimals; – for None."""
    return "–" if value is None else f"{value:,.{digits}f}"


def estimate(pair, digits=2, scale=1):
    """A number with its standard error, where it has one; – for None."""
    if pair is None:
        return "–"
    value, error = pair
    return number(scale * value, digits) + ("" if error is None else f" ± {number(scale * error, digits)}")


def closed(full, compressed, prompted):
    """The percentage of the gap between full and compressed, in nats per token, that a prompt closes."""
    return 100 * math.log(compressed / prompted) / math.log(compressed / full)


def block(protocol, text, records):
    """A table with its protocol above and its provenance below."""
    return f"Protocol: {protocol}\n\n{text}\n\n{provenance(records)}"


def partial(protocol, header, rows, records, study, missing=()):
    """A block with a sentence on what is missing, or only that sentence if there are no rows yet."""
    command = f"`Tests/Benchmarks/study.py measure {study}`"
    if not rows:
        return f"Protocol: {protocol}\n\nNot measured yet; {command} does."
    note = f"Not measured yet ({command}): {', '.join(missing)}.\n\n" if missing else ""
    return f"Protocol: {protocol}\n\n{table(header, rows)}\n\n{note}{provenance(records)}"


def provenance(records):
    """One line with the dates, machines and commits of the records."""
    stamps = [record["measured"] for record in records if record.get("measured")]
    dates = sorted({stamp["date"] for stamp in stamps})
    machines = sorted({stamp["machine"] or "" for stamp in stamps})
    commits = sorted({stamp["commit"] for stamp in stamps if stamp["commit"]})
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    where = "; ".join(name or "machine not recorded" for name in machines)
    which = f"commit {commits[0]}" if len(commits) == 1 else f"{len(commits)} commits, named in the JSON file"
    disturbed = "; times from a busy machine" if any(stamp.get("disturbed") for stamp in stamps) else ""
    return f"<sub>Measured {when}; {where}; {which}{disturbed}.</sub>"
