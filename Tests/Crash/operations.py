"""The commands that write bundles, and the files that each starts from."""
import dataclasses
import shutil

import tiny_model
from program import last_line, names, sha256


@dataclasses.dataclass
class Operation:
    """A command with its files. `result` is the bundle that it changes or makes."""
    name: str
    arguments: list
    result: str
    files: tuple
    repeatable: bool = False  # done twice, it gives the same bytes as once
    old: object = None  # states (see program.State) and bytes before and after
    new: object = None
    old_bytes: object = None
    new_bytes: object = None
    calls: list = ()
    left: frozenset = frozenset()  # the names of all files after a run without faults
    inputs: dict = dataclasses.field(default_factory=dict)


TEXT = ["--text", "train.txt", "--validation", "dev.txt"]
SETTINGS = "tokens=4 steps=8 batch=2 length=16 warmup=2 validation.windows=4 validation.every=4".split()
OPERATIONS = [
    Operation("run", ["run", "small.yaml", "--quiet", "--threads", "1"], "small.ctpack",
              ("model", "train.txt", "dev.txt", "test.txt", "small.yaml"), repeatable=True),
    Operation("transfer", ["transfer", "source.ctpack", "t.ctpack", "--as", "copy", "--allow-unvalidated", "--quiet", "--threads", "1"],
              "t.ctpack", ("source.ctpack", "t.ctpack")),
    Operation("measure", ["transfer", "t.ctpack", "t.ctpack", "--prompt", "imported", "--text", "test.txt", "--protocol", "ctp-32",
                          "--windows", "2", "--quiet", "--threads", "1"], "t.ctpack", ("t.ctpack", "test.txt")),
    Operation("similarity", ["similarity", "t.ctpack", "--against", "model", "--text", "test.txt", "--protocol", "ctp-32", "--windows", "2",
                             "--store", "--quiet", "--threads", "1"], "t.ctpack", ("t.ctpack", "model", "test.txt")),
    Operation("prompt remove", ["prompt", "remove", "t.ctpack", "imported"], "t.ctpack", ("t.ctpack",)),
    Operation("prompt import", ["prompt", "import", "t.ctpack", "peft", "--as", "again", "--threads", "1"], "t.ctpack",
              ("t.ctpack", "peft")),
    # The first edit of a bundle writes a commit record that was empty.
    Operation("first edit", ["prompt", "import", "source.ctpack", "peft", "--as", "first", "--threads", "1"], "source.ctpack",
              ("source.ctpack", "peft")),
    Operation("compact", ["compact", "t.ctpack", "--threads", "1"], "t.ctpack", ("t.ctpack",), repeatable=True),
    Operation("recode", ["recode", "t.ctpack", "coded.ctpack", "--storage", "coded", "--threads", "1"], "coded.ctpack", ("t.ctpack",),
              repeatable=True),
    Operation("prompt learn", ["prompt", "learn", "t.ctpack", "--as", "learned", *TEXT, "--quiet", "--threads", "1",
                               *(word for setting in SETTINGS for word in ("--set", setting))], "t.ctpack",
              ("t.ctpack", "train.txt", "dev.txt")),
    Operation("sign", ["sign", "t.ctpack", "--key", "key.pem"], "t.ctpack", ("t.ctpack", "key.pem")),
]


class Workshop:
    """A folder with the model and the bundles that operations start from, and fresh folders for them."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.base = folder / "base"
        tiny_model.write(self.base)
        self.step("run", "small.yaml", "--quiet", "--threads", "1", "--out", "source.ctpack")
        self.step("prompt", "export", "source.ctpack", "peft")
        # A bundle that was edited: both commit records are in use, and it has free extents.
        shutil.copy(self.base / "source.ctpack", self.base / "t.ctpack")
        self.step("prompt", "import", "t.ctpack", "peft", "--as", "imported", "--threads", "1")
        self.step("transfer", "source.ctpack", "t.ctpack", "--as", "moved", "--allow-unvalidated", "--quiet", "--threads", "1")

    def step(self, *arguments):
        done = self.program(arguments, self.base)
        if done.status != 0:
            raise SystemExit(f"crash tests: `ctpack {' '.join(arguments)}` failed with status {done.status}: {last_line(done.errors)}")

    def fresh(self, operation, place):
        """Empties the folder `place` and puts the operation's files there."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in operation.files:
            source = self.base / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place / name)
        return place

    def has(self, operation):
        """Whether the program has the operation's command. Unknown words end with status 64, or are another command's help."""
        page = self.program([operation.arguments[0], "--help"], self.base).output
        return f"USAGE: ctpack {operation.arguments[0]} " in page

    def rehearse(self, operation):
        """Runs the operation without faults: its calls, its result, and the files that it leaves."""
        place = self.fresh(operation, self.folder / "rehearsal")
        result = place / operation.result
        operation.old, operation.old_bytes = self.program.state(result), sha256(result)
        done = self.program(operation.arguments, place, fault=None)
        operation.new, operation.new_bytes = self.program.state(result), sha256(result)
        if done.status != 0 or isinstance(operation.new, str) or operation.new is None or operation.new == operation.old:
            raise SystemExit(f"crash tests: {operation.name} without faults: status {done.status}, {last_line(done.errors)}, {operation.new}")
        operation.calls, operation.left = done.calls, frozenset(names(place))
        operation.inputs = {name: sha256(self.base / name) for name in operation.files if name != operation.result and (self.base / name).is_file()}
        place = self.fresh(operation, place)
        again = self.program(operation.arguments, place, fault=None)
        if sha256(result) != operation.new_bytes:
            raise SystemExit(f"crash tests: {operation.name} writes other bytes when it is run again")
        if [call.kind for call in again.calls] != [call.kind for call in done.calls]:
            print(f"{operation.name}: the order of calls differs from run to run; some injections may not be reached", flush=True)
