"""The programs, files and folders of a measurement. With --dry-run, commands are printed instead of run."""
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
    """The answer of a command that was not run because of --dry-run; every member is another such answer."""

    def __missing__(self, _key):
        return Unmeasured()

    def get(self, key, default=None):
        return default


class Tools:
    """Runs a measurement's programs and writes its files."""

    def __init__(self, options):
        self.dry = options.dry_run
        self.ctpack, self.benchmarks = options.ctpack, options.benchmarks
        self.work = options.work
        if not self.dry:
            self.work.mkdir(parents=True, exist_ok=True)

    def output(self, *command, environment=None):
        """Runs a command and returns its standard output; None in a dry run."""
        command = [str(part) for part in command]
        if self.dry:
            variables = [f"{key}={shlex.quote(str(value))}" for key, value in (environment or {}).items()]
            print(" ".join(variables + [shlex.join(command)]))
            return None
        return subprocess.run(
            command, stdout=subprocess.PIPE, check=True, text=True, cwd=ROOT,
            env=dict(os.environ, **{key: str(value) for key, value in (environment or {}).items()})).stdout

    def answer(self, *command, environment=None):
        """Runs a command and returns the JSON value at the end of its output; lines before it are skipped."""
        output = self.output(*command, environment=environment)
        if output is None:
            return Unmeasured()
        lines = output.splitlines()
        # Nested lines are indented, so the last line that begins with a bracket begins the value.
        start = max(number for number, line in enumerate(lines) if line[:1] in ("{", "["))
        return json.loads("\n".join(lines[start:]))

    def timed(self, *command, environment=None):
        """Runs a command and returns its time in seconds and its output."""
        start = time.monotonic()
        output = self.output(*command, environment=environment)
        return time.monotonic() - start, output

    def perplexity(self, model, text, windows, *more):
        """The perplexity on the first `windows` windows of a file, by protocol ctp-1024."""
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
