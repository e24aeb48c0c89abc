#!/usr/bin/env python3
"""check_in_browser.py PAGE.html… [--screenshots FOLDER]: opens pages of `ctpack report` in headless Chromium.

Fails on any message of the console, exception or request, on a page that is wider than a phone, on an operable element without a
name, on text with too little contrast, and where the controls don't do what they say. Screenshots are made in both themes, at
the widths of a desk and a phone, and on paper. Without Chromium nothing is checked, which is said loudly; --required then fails.
"""

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHROMIUM = ["chromium", "chromium-browser", "google-chrome"]

# Returns what is wrong with the layout and the names of elements, as lines.
LAYOUT = r"""
(() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) {
    const wide = [...document.body.querySelectorAll("*")].filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > root.clientWidth + 1);
    found.push(`the page is ${root.scrollWidth} wide on a screen of ${root.clientWidth}: ` + wide.slice(0, 3).map(e => e.tagName + "." + e.className).join(", "));
  }
  for (const e of document.querySelectorAll("a,button,select,input")) {
    const label = e.getAttribute("aria-label") || e.textContent.trim() || (e.labels && e.labels.length && e.labels[0].textContent.trim());
    if (!label) found.push("no name: " + e.outerHTML.slice(0, 100));
  }
  for (const e of document.querySelectorAll("[href^='#']"))
    if (!document.getElementById(e.getAttribute("href").slice(1))) found.push("leads nowhere: " + e.outerHTML.slice(0, 100));
  for (const e of document.querySelectorAll("table")) if (!e.caption) found.push("a table without a caption");
  for (const e of document.querySelectorAll("th,td")) {
    const box = e.getBoundingClientRect();
    if (box.width && box.width < 48 && e.textContent.trim().length > 24) found.push(`squeezed to ${box.width.toFixed(0)}: “${e.textContent.trim().slice(0, 30)}”`);
  }
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of new Set(ids)) if (ids.filter(x => x === id).length > 1) found.push("twice: #" + id);
  return found;
})()
"""

# Returns texts whose contrast to their background is below 4.5 (WCAG AA).
CONTRAST = r"""
(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
  const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = c => { const f = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
  const found = [];
  for (const e of document.body.querySelectorAll("*")) {
    if (e.closest("svg") || !e.getClientRects().length || e.closest("details:not([open])")) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    let ground = [255, 255, 255, 1];
    for (const layer of layers.reverse()) ground = over(layer, ground);
    const ink = over(parse(getComputedStyle(e).color), ground);
    const [a, b] = [light(ink), light(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${e.tagName}.${e.className} “${e.textContent.trim().slice(0, 40)}”`);
  }
  return [...new Set(found)].slice(0, 10);
})()
"""

# Uses every control once; returns what didn't happen, as lines.
CONTROLS = r"""
(async () => {
  const found = [];
  const expect = (isMet, what) => { if (!isMet) found.push(what); };
  const change = e => { e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); };
  const root = document.documentElement, button = document.getElementById("theme");
  expect(!button.hidden, "the button of the theme stays hidden");
  button.click(); expect(root.dataset.theme === "light", "the first click doesn't choose the light theme");
  button.click(); expect(root.dataset.theme === "dark", "the second click doesn't choose the dark theme");
  button.click(); expect(!root.dataset.theme, "the third click doesn't go back to the system's theme");
  const scatter = document.getElementById("scatter");
  if (scatter) {
    expect(!scatter.hidden && scatter.querySelectorAll("circle").length >= 4, "the scatter plot is empty");
    for (const id of ["scatter-x", "scatter-y"]) {
      const select = document.getElementById(id), old = select.value;
      for (const option of select.options) {
        select.value = option.value; change(select);
        const text = document.getElementById("scatter-plot").textContent;
        expect(text.includes(option.textContent) || document.getElementById("scatter-note").textContent, "no label for " + option.textContent);
        expect(!/NaN|undefined|Infinity/.test(document.getElementById("scatter-plot").innerHTML), "a place that is no number for " + option.textContent);
      }
      select.value = old; change(select);
    }
  }
  const choices = document.getElementById("compare-choices");
  if (choices) {
    const rows = () => [...document.querySelectorAll("#compare-table .settings tr")].filter(r => !r.hidden).length;
    const before = rows(), equal = document.getElementById("compare-equal");
    equal.checked = true; change(equal);
    expect(rows() >= before, "showing equal settings hides some");
    equal.checked = false; change(equal);
    expect(rows() === before, "hiding equal settings again doesn't");
    const boxes = [...choices.querySelectorAll("[data-column]")];
    for (const box of boxes.slice(1)) { box.checked = false; change(box); }
    expect(rows() === 0, "one input alone differs from itself");
    for (const box of boxes) { box.checked = true; change(box); }
    expect(rows() === before, "choosing all again doesn't");
  }
  for (const bar of document.querySelectorAll(".flip-filter")) {
    const items = [...bar.parentElement.querySelectorAll(".flip")], search = bar.querySelector("[data-filter=text]");
    expect(!bar.hidden, "the filter of changed answers stays hidden");
    search.value = "no such text anywhere"; change(search);
    expect(items.every(i => i.hidden), "a filter hides nothing");
    search.value = ""; change(search);
    expect(items.every(i => !i.hidden), "an empty filter hides something");
  }
  const link = document.querySelector("a.n");
  if (link) {
    link.click(); await new Promise(done => setTimeout(done, 50));
    expect(document.querySelector("tr:target"), "a number doesn't lead to its protocol");
    history.replaceState(null, "", location.pathname);
  }
  return found;
})()
"""


class Browser:
    """Chromium over a pair of pipes, one JSON message after the other, each ended by a zero byte."""

    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory()
        to_read, self.out = os.pipe()
        self.input, to_write = os.pipe()

        def wire():
            # Both may have numbers that are replaced: away from 3 and 4 first.
            a, b = os.dup(to_read), os.dup(to_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
             f"--user-data-dir={self.profile.name}", "about:blank"],
            preexec_fn=wire, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.dialogs = 0
        self.buffer, self.number, self.events, self.session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(domain + ".enable")

    def receive(self):
        while b"\0" not in self.buffer:
            more = os.read(self.input, 1 << 20)
            if not more:
                raise SystemExit("check_in_browser: Chromium ended")
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        event = json.loads(message)
        if event.get("method") == "Page.javascriptDialogOpening":
            # A dialog stops the page until it is answered; whoever opened it ran a script.
            self.dialogs += 1
            answer = {"id": 1_000_000 + self.dialogs, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}, "sessionId": self.session}
            os.write(self.out, json.dumps(answer).encode() + b"\0")
        return event

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"check_in_browser: {method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def evaluate(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            return ["the check failed: " + answer["exceptionDetails"].get("exception", {}).get("description", "?")]
        return answer["result"].get("value") or []

    def close(self):
        self.session = None
        self.number += 1
        os.write(self.out, json.dumps({"id": self.number, "method": "Browser.close"}).encode() + b"\0")
        self.process.wait(timeout=20)
        self.profile.cleanup()


def complaints(events, url):
    """What the page logged, threw or loaded."""
    found = []
    for event in events:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled":
                found.append("console: " + " ".join(str(a.get("value", a.get("description"))) for a in parameters["args"]))
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                found.append("exception: " + details.get("exception", {}).get("description", details["text"]))
            case "Log.entryAdded":
                found.append("log: " + parameters["entry"]["text"])
            case "Page.javascriptDialogOpening":
                found.append("dialog: " + parameters["message"])
            case "Network.requestWillBeSent":
                asked = parameters["request"]["url"]
                if asked.split("#")[0] != url and not asked.startswith("data:"):
                    found.append("request: " + asked)
    return found


def check(browser, page, folder):
    url = page.resolve().as_uri()
    found = []
    for scheme in ["light", "dark"]:
        for name, width, height in [("desk", 1200, 900), ("phone", 390, 844)]:
            where = f"{scheme}, {name}"
            browser.events = []
            browser.call("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=name == "phone")
            browser.call("Page.navigate", url=url)
            browser.wait("Page.loadEventFired")
            for script in [LAYOUT, CONTRAST, CONTROLS, CONTRAST]:
                found += [f"{where}: {line}" for line in browser.evaluate(script)]
                # What is folded away is looked at too.
                browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            found += [f"{where}: {line}" for line in browser.evaluate(LAYOUT)]
            if folder:
                browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = false); scrollTo(0, 0)")
                image = browser.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")["data"]
                (folder / f"{page.stem}-{scheme}-{name}.png").write_bytes(base64.b64decode(image))
            found += [f"{where}: {line}" for line in complaints(browser.events, url)]
    # On paper the light palette is used whatever the theme.
    browser.events = []
    paper = browser.call("Page.printToPDF", printBackground=True)["data"]
    if not base64.b64decode(paper).startswith(b"%PDF"):
        found.append("paper: it can't be printed")
    if folder:
        (folder / f"{page.stem}.pdf").write_bytes(base64.b64decode(paper))
    return found + [f"paper: {line}" for line in complaints(browser.events, url)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER")
    parser.add_argument("--required", action="store_true", help="fail where Chromium is missing")
    arguments = parser.parse_args()
    missing = [page for page in arguments.pages if not page.is_file()]
    if missing:
        sys.exit(f"check_in_browser: {missing[0]}: there is no such page")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        print("check_in_browser: SKIPPED: there is no Chromium (Debian: apt-get install chromium); NOTHING WAS CHECKED", file=sys.stderr)
        sys.exit(1 if arguments.required else 0)
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)
    browser = Browser(program)
    failed = False
    for page in arguments.pages:
        found = check(browser, page, arguments.screenshots)
        failed = failed or bool(found)
        print(f"{page}: " + ("sound in both themes, at both widths and on paper" if not found else f"{len(found)} problems"))
        for line in dict.fromkeys(found):
            print("  " + line)
    browser.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
