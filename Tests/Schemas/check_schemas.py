#!/usr/bin/env python3
"""Checks what `ctpack provenance` writes against the published schemas.

usage: check_schemas.py [--program CTPACK] [--scratch FOLDER] [--python PROGRAM]

| document | checked by |
|---|---|
| cyclonedx | CycloneDX's JSON schema 1.6, strictly, which cyclonedx-python-lib ships |
| slsa | the message definitions of in-toto Statement v1 and SLSA provenance v1 (in-toto-attestation), in which an unknown member is an error |
| card | the model hub's own reader (huggingface_hub): head, base model, results |

The bundles are one built from a tiny model, one that was signed in place, one with all kinds of evidence (divergence, a task,
similarity), and test vectors. Each check is also given a broken
document, which it must refuse. The libraries of requirements.txt are installed into SCRATCH/environment unless --python names an
interpreter that has them; this needs the network once. Exit status 1 if a document isn't valid.
"""
import argparse
import copy
import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TASK = """task: quiz
dataset_path: rows.jsonl
output_type: multiple_choice
doc_to_text: "{{start}} the"
doc_to_choice: "{{[a, b]}}"
doc_to_target: gold
"""
VECTORS = ["valid-prompts", "valid-adapters", "valid-routing-keys", "valid-packed-3"]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"check_schemas: {' '.join(map(str, command))}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def environment(scratch):
    """The interpreter of an environment that has the libraries of requirements.txt."""
    folder, wanted = scratch / "environment", HERE / "requirements.txt"
    python, installed = folder / "bin/python", folder / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        print(f"installing {wanted.relative_to(ROOT)} into {folder}", file=sys.stderr, flush=True)
        run(sys.executable, "-m", "venv", folder)
        run(python, "-m", "pip", "install", "--quiet", "-r", wanted)
        shutil.copyfile(wanted, installed)
    return python


def bundles(program, scratch):
    """The bundles to describe, as (path, whether they record their build)."""
    sys.path.insert(0, str(ROOT / "Tests/Crash"))
    import tiny_model
    work = scratch / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    tiny_model.write(work)
    run(program, "run", "small.yaml", "--quiet", cwd=work)
    shutil.copyfile(work / "small.ctpack", work / "edited.ctpack")
    run(program, "sign", "edited.ctpack", "--key", "key.pem", cwd=work)
    measured(program, work, tiny_model)
    yield work / "small.ctpack", True
    yield work / "measured.ctpack", True
    yield work / "edited.ctpack", True
    for name in VECTORS:
        yield ROOT / f"Formats/vectors/{name}.ctpack", False


def measured(program, work, tiny_model):
    """Builds measured.ctpack, with all kinds of evidence."""
    recipe = tiny_model.RECIPE.replace("windows: 6}", "windows: 6, divergence: true}").replace("small.ctpack", "measured.ctpack")
    (work / "measured.yaml").write_text(recipe + "tasks: [{task: quiz.yaml, limit: 5}]\n")
    (work / "quiz.yaml").write_text(TASK)
    rows = [{"start": tiny_model.text(5, 10 + row), "a": tiny_model.text(2, 20 + row), "b": tiny_model.text(3, 30 + row),
             "gold": row % 2} for row in range(6)]
    (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(program, "run", "measured.yaml", "--quiet", cwd=work)
    run(program, "similarity", "measured.ctpack", "--against", "model", "--text", "test.txt", "--protocol", "ctp-32", "--store",
        "--quiet", cwd=work)


def lacking(text, form):
    """The kinds of evidence that a card or bill of measured.ctpack doesn't have."""
    words = {"card": "type: {}\n", "cyclonedx": '"type": "{}"'}
    return [kind for kind in EVIDENCE if form in words and words[form].format(kind) not in text]


def cyclonedx_fault(text):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return None if fault is None else str(fault)


def slsa_fault(text):
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement
    document = json.loads(text)
    try:
        statement = json_format.ParseDict(document, statement_pb2.Statement())
        Statement.copy_from_pb(statement).validate()
        predicate = json_format.ParseDict(document["predicate"], provenance_pb2.Provenance())
        for resource in [*predicate.build_definition.resolved_dependencies, *predicate.run_details.byproducts]:
            ResourceDescriptor.copy_from_pb(resource).validate()
    except (json_format.ParseError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    # What the SLSA specification requires; protobuf has no required fields.
    required = [predicate.build_definition.build_type, predicate.build_definition.external_parameters.fields,
                predicate.run_details.builder.id]
    return None if all(required) and document["predicateType"] == "https://slsa.dev/provenance/v1" else "a required member is missing"


def card_fault(text):
    from huggingface_hub import ModelCard
    try:
        data = ModelCard(text).data
    except Exception as error:  # The library raises many kinds.
        return f"{type(error).__name__}: {error}"
    if data.library_name != "ctpack" or data.pipeline_tag != "text-generation" or "ctpack" not in data.tags:
        return "the head lacks library, task or tags"
    if data.base_model and data.get("base_model_relation") != "quantized":
        return "a base model without its relation"
    for result in data.eval_results or []:
        if not isinstance(result.metric_value, (int, float)) or result.metric_args["protocol"] not in result.metric_name:
            return f"a result without value or protocol: {result}"
    return None


def without(text, *path):
    """A JSON text without one member."""
    document = copy.deepcopy(json.loads(text))
    place = document
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return json.dumps(document)


EVIDENCE = ["perplexity", "ratio_to_full", "kl_divergence", "kl_divergence_p99", "same_top_token", "dp_rms", "acc", "acc_norm"]
CHECKS = {
    "cyclonedx": (cyclonedx_fault, lambda text: without(text, "metadata", "component", "name")),
    "slsa": (slsa_fault, lambda text: without(text, "predicate", "runDetails", "builder", "id")),
    "card": (card_fault, lambda text: text.replace("model-index:\n- name:", "model-index:\n- title:").replace(
        "library_name:", "library:")),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / ".build/release/ctpack")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / ".build/schemas")
    parser.add_argument("--python", help="an interpreter that has the libraries of requirements.txt")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.program, options.scratch = options.program.resolve(), options.scratch.resolve()
    if not options.here:  # Once more, by the interpreter that has the libraries.
        python = options.python or environment(options.scratch)
        sys.exit(subprocess.run([str(python), __file__, "--here", "--program", str(options.program), "--scratch",
                                 str(options.scratch)]).returncode)
    faults = documents = 0
    for path, is_built in bundles(options.program, options.scratch):
        for form, (fault_of, broken) in CHECKS.items():
            if form == "slsa" and not is_built:
                continue
            stated = [] if form == "slsa" else ["--license", "Apache-2.0", "--base-model", "lab/base"]
            for options_given in [[], stated] if stated else [[]]:
                text = run(options.program, "provenance", path, "--as", form, *options_given)
                documents += 1
                fault = fault_of(text)
                if path.name == "measured.ctpack" and lacking(text, form):
                    fault = f"without {', '.join(lacking(text, form))}"
                if fault is not None:
                    faults += 1
                    print(f"{path.name}: {form}: {fault}", file=sys.stderr)
                elif fault_of(broken(text)) is None:
                    faults += 1
                    print(f"{path.name}: {form}: the check accepts a broken document", file=sys.stderr)
    print(f"{documents} documents checked against their schemas, {faults} faults")
    return 1 if faults or documents < 31 else 0


if __name__ == "__main__":
    sys.exit(main())
