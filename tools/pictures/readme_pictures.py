#!/usr/bin/env python3
"""Takes the README's two pictures of a finished run: docs/images/terminal.png and docs/images/report.png.

readme_pictures.py SILMA RUN OUT_DIR

RUN is a run of cnn on fashion-mnist that has come to its end; it is copied, and shown as runs/cnn-1. What the terminal
shows at the end of a training is what `silma train --resume` shows of a run in which nothing is left to train, but for
the line that says so, which is left out. Needs Chromium, through tests/browse.py.
"""
import fcntl
import html
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

BROWSE = Path(__file__).resolve().parents[2] / "tests" / "browse.py"
COLUMNS = 104
STYLES = {"1": "font-weight:bold", "2": "opacity:.5", "91": "color:#ff8a75", "94": "color:#7fb0ff"}
PAGE = """<!doctype html><meta charset=utf-8><title>terminal</title>
<style>
body { margin: 0; background: #0d1117; color: #e6edf3 }
pre { margin: 0; padding: 20px; font: 15px/18.2px 'DejaVu Sans Mono' }
/* Braille comes from DejaVu Sans, whose characters are wider than a cell of the terminal. */
pre i { display: inline-block; width: 1ch; font-style: normal; transform: scaleX(0.822); transform-origin: left }
</style>
"""


def on_a_terminal(command, folder):
    """What a command prints on a terminal of COLUMNS columns."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8")
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(command, cwd=folder, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    printed = b""
    while True:
        try:
            more = os.read(reader, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        printed += more
    if process.wait() != 0:
        sys.exit(printed.decode())
    return printed.decode().replace("\r\n", "\n")


def cells(text):
    return re.sub("[\u2800-\u28ff]", r"<i>\g<0></i>", html.escape(text))


def as_html(text):
    parts = re.split(r"\x1b\[([0-9]+)m", text)
    shown = cells(parts[0])
    for code, words in zip(parts[1::2], parts[2::2]):
        shown += cells(words) if code == "0" else f'<span style="{STYLES[code]}">{cells(words)}</span>'
    return PAGE + "<pre>" + shown + "</pre>\n"


def browse(page, width, *options):
    command = [sys.executable, BROWSE, page, "--width", str(width), *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["results"]


def picture_report(page, picture):
    """As far as the curves, which the table of the epochs follows."""
    rows, = browse(page, 1280, "--eval", "Math.floor(document.querySelector('details').getBoundingClientRect().top)")
    browse(page, 1280, "--rows", str(rows), "--screenshot", picture)


def main():
    silma, run, out = (Path(argument).resolve() for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(run, folder / "runs" / "cnn-1")
        printed = on_a_terminal([silma, "train", "--resume", "runs/cnn-1"], folder)
        end = printed[re.search(r"^ *\x1b\[1mloss", printed, re.M).start():].rstrip()
        end = re.sub(r"^nothing was left to train.*\n", "", end, flags=re.M)
        page = folder / "terminal.html"
        page.write_text(as_html("$ silma train cnn --data fashion-mnist\n…\n\n" + end))
        browse(page, 980, "--screenshot", out / "terminal.png")
        picture_report(folder / "runs" / "cnn-1" / "report.html", out / "report.png")


main()
