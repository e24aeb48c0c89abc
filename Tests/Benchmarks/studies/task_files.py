"""The task files in Recipes/tasks: their main metric and the files of rows that they need."""
import pathlib
import re

from .tools import ROOT

FOLDER = ROOT / "Recipes/tasks"
METRIC = re.compile(r"\bmetric: *([a-z_]+)")
SOURCE = re.compile(r"^(?:dataset|labels)_path: *(\S+)", re.MULTILINE)


def path(task):
    return FOLDER / f"{task}.yaml"


def main_metric(task):
    """The first metric of a task file that is a share of rows; ctpack's flips are about the same."""
    return next(name for name in METRIC.findall(path(task).read_text(encoding="utf-8")) if name != "perplexity")


def missing(task, folder):
    """The files of a task's rows and labels that aren't in `folder`, to which TASK_DATA is set."""
    sources = SOURCE.findall(path(task).read_text(encoding="utf-8"))
    files = [pathlib.Path(source.replace("${TASK_DATA}", str(folder))) for source in sources]
    return [file for file in files if not file.is_file()]
