"""Programs, files and folders that a measurement uses; under --dry-run they are printed instead."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parents[1]
PEERS = HERE / "peers"
CTPACK = ROOT / ".build/release/ctpack"
BENCHMARKS = ROOT / ".build/release/ctpack-benchmarks"
MODEL = ROOT / ".build/real-model/model.gguf"
WORK = ROOT / ".build/benchmarks"


class Unmeasured(dict):
    """The answer of a command that a dry run didn't run: every member is another one."""

    def __missing__(self, _key):
        return Unmeasured()

    def get(self, key, default=None):
        return default


class Tools:
    """Runs the programs of one measurement."""

    def __init__(self, options):
        self.dry = options.dry_run
        self.ctpack, self.benchmarks = options.ctpack, options.benchmarks
        self.work = options.work
        if not self.dry:
            self.work.mkdir(parents=True, exist_ok=True)

    def output(self, *command, environment=None):
        """What a command prints on standard output; None in a dry run."""
        command = [str(part) for part in command]
        if self.dry:
            variables = [f"{key}={shlex.quote(str(value))}" for key, value in (environment or {}).items()]
            print(" ".join(variables + [shlex.join(command)]))
            return None
        return subprocess.run(
            command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT,
            env=dict(os.environ, **{key: str(value) for key, value in (environment or {}).items()})).stdout

    def answer(self, *command, environment=None):
        """The JSON value that a command prints, after whatever lines came before it."""
        output = self.output(*command, environment=environment)
        if output is None:
            return Unmeasured()
        lines = output.splitlines()
        # Nested lines are indented, so the last line that begins with a bracket begins the value.
        start = max(number for number, line in enumerate(lines) if line[:1] in ("{", "["))
        return json.loads("\n".join(lines[start:]))

    def timed(self, *command, environment=None):
        """The seconds that a command takes, and what it prints."""
        start = time.monotonic()
        output = self.output(*command, environment=environment)
        return time.monotonic() - start, output

    def perplexity(self, model, text, windows, *more):
        """By protocol ctp-1024, over the first `windows` windows of a file."""
        return self.answer(
            self.ctpack, "eval", model, "--text", text, "--protocol", "ctp-1024", "--windows", windows, *more, "--quiet", "--json")["ppl"]

    def write(self, path, text):
        if self.dry:
            print(f"# {path}:", *text.splitlines(), sep="\n#   ")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def copy(self, source, target):
        if self.dry:
            print(shlex.join(["cp", str(source), str(target)]))
        else:
            shutil.copyfile(source, target)

    def remove(self, path):
        if self.dry:
            print(shlex.join(["rm", "-r", str(path)]))
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
