#!/usr/bin/env python3
"""Opens a page in headless Chromium and tells what a test wants to know of it, as one JSON object.

browse.py PAGE.html [--width N] [--dark] [--print] [--screenshot OUT.png [--first Y] [--rows N]] [--pdf OUT.pdf] [--eval EXPRESSION]... [--click SELECTOR]... [--layout]

    problems   console errors and warnings, exceptions, violations of the page's policy, dialogs
    requests   everything that was asked for beside the page itself (data: URIs apart)
    overflow   by how many pixels the page is wider than the window
    title, results (of the expressions, which are run in the page after the clicks)
    layout     with --layout: texts of figures that stick out of them, or lie on another text

Speaks the DevTools protocol over a pipe, so that it needs nothing but Python and Chromium.
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


# Line boxes are a little higher than their letters, so that they may touch.
LAYOUT = """(() => {
  const found = [], shown = (text) => (text.lastChild ? text.lastChild.textContent : '').slice(0, 40);
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect(), name = svg.querySelector('title').textContent.slice(0, 40);
    if (!frame.width) continue;
    const texts = Array.from(svg.querySelectorAll('text'), (text) => ({text: shown(text), box: text.getBoundingClientRect()}));
    texts.forEach(({text, box}, i) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2)
        found.push(`${name}: "${text}" is cut off`);
      for (const other of texts.slice(i + 1))
        if (Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left) > 2 &&
            Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top) > 4)
          found.push(`${name}: "${text}" lies on "${other.text}"`);
    });
  }
  return found;
})()"""


class Browser:
    def __init__(self, profile):
        program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        if not program:
            sys.exit("browse.py: no Chromium found")
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def place_pipes():
            # 3 and 4 are where Chromium looks for them; dup first, since one may be the other's number.
            ins, outs = os.dup(to_browser), os.dup(from_browser)
            while ins in (3, 4):
                ins = os.dup(ins)
            while outs in (3, 4):
                outs = os.dup(outs)
            os.dup2(ins, 3)
            os.dup2(outs, 4)

        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--disable-extensions", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
                   f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        self.process = subprocess.Popen([program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=place_pipes)
        os.close(to_browser)
        os.close(from_browser)
        self.rest, self.number, self.events, self.session = b"", 0, [], None

    def receive(self):
        while b"\0" not in self.rest:
            more = os.read(self.read_end, 1 << 20)
            if not more:
                sys.exit("browse.py: Chromium ended")
            self.rest += more
        text, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(text)
        if message.get("method") == "Page.javascriptDialogOpening":  # it would wait for ever
            self.send("Page.handleJavaScriptDialog", {"accept": False})
        return message

    def send(self, method, parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        return self.number

    def call(self, method, **parameters):
        number = self.send(method, parameters)
        while True:
            answer = self.receive()
            if answer.get("id") == number:
                if "error" in answer:
                    sys.exit(f"browse.py: {method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def attach(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(domain + ".enable")

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            sys.exit(f"browse.py: {expression}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")


def problems_of(events):
    problems = []
    for event in events:
        method, values = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled" and values["type"] in ("error", "warning", "assert"):
            problems.append("console: " + " ".join(str(a.get("value")) for a in values["args"]))
        elif method == "Runtime.exceptionThrown":
            problems.append("exception: " + values["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
            problems.append("log: " + values["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            problems.append("dialog: " + values["message"])
        elif method == "Audits.issueAdded":
            problems.append("issue: " + values["issue"]["code"])
    return problems


def requests_of(events, page):
    urls = [e["params"]["request"]["url"] for e in events if e.get("method") == "Network.requestWillBeSent"]
    return [url for url in urls if url != page and not url.startswith("data:")]


def save_screenshot(browser, path, width, first, rows):
    height = browser.evaluate("Math.ceil(document.documentElement.getBoundingClientRect().height)")
    picture = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                           clip={"x": 0, "y": first, "width": width, "scale": 1,
                                 "height": max(1, min(height - first, rows))})
    Path(path).write_bytes(base64.b64decode(picture["data"]))


def save_pdf(browser, path):
    document = browser.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True, paperWidth=8.27,
                            paperHeight=11.69)
    Path(path).write_bytes(base64.b64decode(document["data"]))


def browse(browser, options):
    page = Path(options.page).resolve().as_uri()
    browser.attach()
    browser.call("Emulation.setDeviceMetricsOverride", width=options.width, height=900, deviceScaleFactor=1,
                 mobile=options.width < 600)
    browser.call("Emulation.setEmulatedMedia", media="print" if options.print else "", features=[
        {"name": "prefers-color-scheme", "value": "dark" if options.dark else "light"}])
    browser.events.clear()
    browser.call("Page.navigate", url=page)
    browser.wait_for("Page.loadEventFired")
    for selector in options.click:
        browser.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
    results = [browser.evaluate(expression) for expression in options.eval]
    overflow = browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if options.screenshot:
        save_screenshot(browser, options.screenshot, options.width, options.first, options.rows)
    if options.pdf:
        save_pdf(browser, options.pdf)
    seen = {"title": browser.evaluate("document.title"), "problems": problems_of(browser.events),
            "requests": requests_of(browser.events, page), "overflow": overflow, "results": results}
    if options.layout:
        seen["layout"] = browser.evaluate(LAYOUT)
    return seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--screenshot")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rows", type=int, default=16000)
    parser.add_argument("--pdf")
    parser.add_argument("--eval", action="append", default=[])
    parser.add_argument("--click", action="append", default=[])
    parser.add_argument("--layout", action="store_true")
    options = parser.parse_args()
    profile = tempfile.mkdtemp(prefix="silma-browser-")
    browser = Browser(profile)
    try:
        print(json.dumps(browse(browser, options), ensure_ascii=False))
    finally:
        browser.process.kill()
        browser.process.wait()
        shutil.rmtree(profile, ignore_errors=True)


main()
