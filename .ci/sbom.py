#!/usr/bin/env python3
"""Writes the program's bill of materials, CycloneDX 1.6 in JSON: sbom.py OUT, or checks one: sbom.py --check FILE.

It names the Swift packages that the build resolved (name, version, revision, licence) and the system's libraries that
Package.swift declares (version by pkg-config; package and version by dpkg-query where there is one). The same inputs give
the same bytes: there is no time, and the serial number follows from the content.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def fail(text, status=65):
    print(f"sbom: {text}", file=sys.stderr)
    sys.exit(status)


def output(*command):
    """A command's output; None where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "LC_ALL": "C"})
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def licence_of(folder):
    """The SPDX identifier of a package's licence, from the words of its text."""
    for path in sorted(folder.glob("LICEN[SC]E*")):
        words = " ".join(path.read_text(errors="replace").split())
        if "Apache License Version 2.0" in words:
            exception = "Runtime Library Exception" in words
            return "Apache-2.0 WITH Swift-exception" if exception else "Apache-2.0"
        if "The MIT License" in words or "Permission is hereby granted, free of charge" in words:
            return "MIT"
        fail(f"{path}: an unknown licence; teach licence_of its name")
    fail(f"{folder}: no licence")


def licences(expression):
    return [{"license": {"id": expression}}] if " " not in expression else [{"expression": expression}]


def swift_packages(state):
    """The packages of SwiftPM's workspace-state.json. Each must be pinned in Package.swift, those too that only others need."""
    components = []
    pinned = dict(re.findall(r'\.package\(url: "https://[^"]*/([^"/]+)", exact: "([^"]+)"\)', (ROOT / "Package.swift").read_text()))
    for entry in state["object"]["dependencies"]:
        package, checkout = entry["packageRef"], entry["state"].get("checkoutState", {})
        identity = package["identity"]
        if "version" not in checkout:
            fail(f"{identity} has no version in .build/workspace-state.json; pin one in Package.swift")
        if pinned.get(identity, pinned.get(package["name"])) != checkout["version"]:
            fail(f"{identity} {checkout['version']} isn't pinned: add it to Package.swift's dependencies as `exact:`")
        place = re.sub(r"^https://|\.git$", "", package["location"])
        purl = f"pkg:swift/{place}@{checkout['version']}"
        components.append({
            "type": "library", "bom-ref": purl, "name": identity, "version": checkout["version"], "purl": purl,
            "licenses": licences(licence_of(ROOT / ".build/checkouts" / entry["subpath"])),
            "externalReferences": [{"type": "vcs", "url": package["location"]}],
            "properties": [{"name": "ctpack:revision", "value": checkout["revision"]}],
        })
    return components


# Licences of the system's libraries, by pkg-config's names: what Debian's copyright files say of the library itself.
SYSTEM_LICENCES = {"openblas": "BSD-3-Clause", "libzstd": "BSD-3-Clause OR GPL-2.0-only", "libxxhash": "BSD-2-Clause"}


def system_libraries(manifest):
    """The libraries that Package.swift declares with pkg-config's names, and Debian's packages of them."""
    names = re.findall(r'\.systemLibrary\(\s*name: "[^"]*", pkgConfig: "([^"]*)", providers: \[\.apt\(\["([^"]*)"', manifest)
    if len(names) != manifest.count(".systemLibrary("):
        fail("Package.swift: a system library without pkgConfig and apt")
    components = []
    for name, debian in names:
        version = output("pkg-config", "--modversion", name)
        if version is None:
            fail(f"pkg-config doesn't know {name}; install {debian}", 66)
        if name not in SYSTEM_LICENCES:
            fail(f"no licence is listed for {name}; add it to SYSTEM_LICENCES")
        component = {
            "type": "library", "bom-ref": f"system:{name}", "name": name, "version": version,
            "licenses": licences(SYSTEM_LICENCES[name]),
        }
        installed = output("dpkg-query", "-W", "-f", "${Version}", debian)
        if installed:
            component["properties"] = [{"name": "ctpack:debian", "value": f"{debian} {installed}"}]
        components.append(component)
    return components


def toolchain():
    """The Swift toolchain, whose libraries the program is linked with."""
    text = output("swift", "--version") or ""
    version = re.search(r"Swift version (\S+)", text)
    if not version:
        fail("swift --version says no version", 66)
    return {
        "type": "framework", "bom-ref": "swift-runtime", "name": "swift-runtime", "version": version[1],
        "licenses": licences("Apache-2.0 WITH Swift-exception"),
    }


def graph(node, refs, edges):
    """The references of a dependency's own dependencies, from `swift package show-dependencies`."""
    for child in node["dependencies"]:
        edges.setdefault(refs[child["identity"]], set()).update(refs[c["identity"]] for c in child["dependencies"])
        graph(child, refs, edges)


def dependencies():
    text = output("swift", "package", "show-dependencies", "--format", "json")
    if text is None:
        fail("swift package show-dependencies failed", 66)
    return json.loads(text[text.index("{"):])


def bill():
    state = ROOT / ".build/workspace-state.json"
    tree = dependencies()  # resolves the packages if that wasn't done yet
    if not state.exists():
        fail(f"{state} is missing; run swift package resolve", 66)
    version = re.search(r'current = "([^"]+)"', (ROOT / "Sources/Pipeline/ProgramVersion.swift").read_text())
    if not version:
        fail("Sources/Pipeline/ProgramVersion.swift names no version")
    packages = swift_packages(json.loads(state.read_text()))
    system = system_libraries((ROOT / "Package.swift").read_text()) + [toolchain()]
    components = sorted(packages + system, key=lambda c: c["bom-ref"])
    own = f"pkg:generic/ctpack@{version[1]}"
    refs = {c["name"]: c["bom-ref"] for c in packages}
    edges = {own: {refs[c["identity"]] for c in tree["dependencies"]} | {c["bom-ref"] for c in system}}
    graph(tree, refs, edges)
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": own, "name": "ctpack", "version": version[1], "licenses": licences("Apache-2.0"),
        }},
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(edges[ref])} for ref in sorted(edges)],
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()
    return {**document, "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"}


def text_of(document):
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def check(path):
    """Fails unless the bill names every dependency of `swift package show-dependencies` and every system library."""
    try:
        found = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        fail(f"{path}: {error}")
    named = {(c["name"], c["version"]) for c in found.get("components", [])}
    wanted = set()

    def collect(node):
        for child in node["dependencies"]:
            wanted.add((child["identity"], child["version"]))
            collect(child)

    collect(dependencies())
    for name in re.findall(r'pkgConfig: "([^"]*)"', (ROOT / "Package.swift").read_text()):
        wanted.add((name, output("pkg-config", "--modversion", name)))
    if len(wanted) < 5:
        fail(f"only {len(wanted)} dependencies are known; the check itself is wrong")
    missing = sorted(f"{name} {version}" for name, version in wanted - named)
    without = sorted(c["name"] for c in found.get("components", []) if not c.get("licenses"))
    if missing:
        fail(f"{path} does not name {', '.join(missing)}")
    if without:
        fail(f"{path} names no licence of {', '.join(without)}")
    if found != bill():
        fail(f"{path} is out of date; run make sbom")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        check(sys.argv[2])
    elif len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        text = text_of(bill())
        Path(sys.argv[1]).parent.mkdir(parents=True, exist_ok=True)
        Path(sys.argv[1]).write_text(text)
    else:
        fail("usage: sbom.py OUT, or sbom.py --check FILE", 64)
