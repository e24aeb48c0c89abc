#!/usr/bin/env python3
"""Measures the studies in Tests/Benchmarks/Results and writes their tables into the pages.

  study.py measure STUDY [options]   measure missing records into Results/STUDY.json (`measure --help` lists the studies)
  study.py render [--write|--check]  compare or write the tables of README.md and Results/*.md, made from Results/*.json
  study.py texts OPTIONS OUT         write the texts of protocol ctp-1024 as plain files

A stopped measurement resumes: records that are already in the JSON file are not measured again.
`measure STUDY --dry-run` prints the commands and writes nothing.
"""
import argparse
import pathlib
import subprocess
import sys

from studies import adapters, agreement, compression, idp, pages, peer, prompts, quickstart, routing, seeds, speed, texts, transfer
from studies.tools import BENCHMARKS, CTPACK, MODEL, WORK, Tools

STUDIES = {
    "quickstart": quickstart, "compression": compression, "compression-peer": peer, "prompts": prompts, "adapters": adapters,
    "transfer": transfer, "routing": routing, "speed": speed, "seeds": seeds, "idp": idp,
    "agreement": agreement,
}


def parser():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="measure a study").add_subparsers(dest="study", required=True)
    for name, study in STUDIES.items():
        one = measure.add_parser(
            name, help=study.__doc__.split("\n")[0], description=study.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        one.add_argument("--ctpack", type=pathlib.Path, default=CTPACK, help="the program (default: the release build)")
        one.add_argument("--benchmarks", type=pathlib.Path, default=BENCHMARKS, help="ctpack-benchmarks (default: the release build)")
        one.add_argument("--model", type=pathlib.Path, default=MODEL, help="SmolLM2-135M-Instruct (default: the file that `make real-model` fetches)")
        one.add_argument("--work", type=pathlib.Path, default=WORK / name, help="folder for intermediate files")
        one.add_argument("--disturbed", action="store_true", help="mark the times as measured while other programs were running")
        one.add_argument("--dry-run", action="store_true", help="print the commands; run and write nothing")
        study.arguments(one)
    render = commands.add_parser("render", help="make the pages' tables")
    mode = render.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="write the tables into the pages")
    mode.add_argument("--check", action="store_true", help="print the differences; exit with status 1 if there are any (the default)")
    joined = commands.add_parser("texts", help="write the texts of protocol ctp-1024")
    texts.arguments(joined)
    joined.add_argument("out", type=pathlib.Path)
    return top


def main():
    options = parser().parse_args()
    for name, value in vars(options).items():
        if isinstance(value, pathlib.Path):  # programs run in the repository's root folder
            setattr(options, name, value.resolve())
    if options.command == "render":
        return pages.render({name: study.TABLES for name, study in STUDIES.items()}, options.write, options.check)
    if options.command == "texts":
        texts.write(options.c4, options.wikitext, options.ptb, options.out)
        return 0
    try:
        STUDIES[options.study].measure(options, Tools(options))
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(error.cmd)}\nended with status {error.returncode}; run study.py again to resume", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
