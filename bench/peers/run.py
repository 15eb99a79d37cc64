#!/usr/bin/env python3
"""Runs the same tasks in Silma and in its peers by turns, and prints one table of ratios. See README.md."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import noise
import tasks

HERE = pathlib.Path(__file__).resolve().parent
PEERS = ["keras", "torch", "torch-compile", "onnxruntime", "onednn"]
SCRIPTS = {"keras": ["keras_peer.py"], "torch": ["torch_peer.py"], "torch-compile": ["torch_peer.py", "--compile"],
           "onnxruntime": ["onnx_peer.py"]}
# What a script imports, and the packages that bring it.
MODULES = {"keras": {"tensorflow": ["tensorflow-cpu", "keras"]}, "torch": {"torch": ["torch"]},
           "torch-compile": {"torch": ["torch"]},
           "onnxruntime": {"onnxruntime": ["onnxruntime"], "onnx": ["onnx"]}}
# Silma's figure of a task.
SILMA = {"cnn-train": ["train", "cnn", "--input", "32x32x3", "--batch", "500"],
         "lenet5-train": ["train", "lenet5", "--batch", "128"],
         "cnn-infer-1": ["infer", "cnn", "--input", "32x32x3", "--batch", "1"],
         "cnn-infer-256": ["infer", "cnn", "--input", "32x32x3", "--batch", "256"],
         "lenet5-infer-1": ["infer", "lenet5", "--batch", "1"]}


class PeerFailed(Exception):
    pass


def run(command, **options):
    """Standard output; PeerFailed with the first error among the messages, or the last of them."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    except OSError as error:
        raise PeerFailed(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        errors = [line for line in lines if "error" in line.lower()]
        raise PeerFailed(f"{pathlib.Path(command[0]).name}: {(errors or lines[-1:])[0].strip()}")
    return done.stdout


def last_json(text):
    return json.loads(text.strip().splitlines()[-1])


def log(text):
    print(text, file=sys.stderr, flush=True)


# ----------------------------------------------------------------------------------------------------------------------
# Making the peers ready


def make_environment(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        log(f"making the virtual environment {folder}")
        run([sys.executable, "-m", "venv", str(folder)])
    return python


def install(python, peer, options):
    for module, packages in MODULES[peer].items():
        if subprocess.run([str(python), "-c", f"import {module}"], capture_output=True, check=False).returncode == 0:
            continue
        log(f"installing {' '.join(packages)}")
        index = ["--index-url", options.torch_index] if module == "torch" and options.torch_index else []
        run([str(python), "-m", "pip", "install", "--quiet", *index, *packages])


def compile_onednn(folder):
    program = folder / "onednn_peer"
    flags = os.environ.get("ONEDNN_FLAGS", "").split()  # where it is installed in a place of its own
    try:
        run(["cc", "-O2", str(HERE / "onednn_peer.c"), "-o", str(program), *flags, "-ldnnl"])
    except PeerFailed as problem:
        raise PeerFailed(f"{problem} (Debian's package is libdnnl-dev)") from problem
    return program


# ----------------------------------------------------------------------------------------------------------------------
# One measurement


def silma_epoch(options, folder):
    """Seconds of an epoch of `silma train`, validation and saved files included; the first one warms up."""
    runs = tempfile.mkdtemp(dir=folder)
    command = [options.silma, "train", "ann", "--data", str(folder / "noise"), "--batch", str(tasks.EPOCH_BATCH),
               "--val-split", "0.2", "--early-stop", "off", "--epochs", str(options.epochs + 1), "--threads",
               str(options.threads), "--out", f"{runs}/run", "--quiet", "--json"]
    lines = [json.loads(line) for line in run(command).splitlines()]
    shutil.rmtree(runs)
    return statistics.median([line["seconds"] for line in lines if line.get("event") == "epoch"][1:]), None


def silma_task(options, folder, task):
    if task == "ann-epoch":
        return silma_epoch(options, folder)
    threads = tasks.threads_of(task, options.threads)
    result = last_json(run([options.silma, "bench", *SILMA[task], "--threads", str(threads), "--json"]))
    return result["results"][0]["seconds_median"], result["peak_memory_bytes"]


def peer_task(python, options, peer, task):
    script, *flags = SCRIPTS[peer]
    command = [str(python), str(HERE / script), task, "--threads", str(options.threads), "--seconds",
               str(options.seconds), "--epochs", str(options.epochs), *flags]
    return last_json(run(command))


# ----------------------------------------------------------------------------------------------------------------------
# Tasks


class Figures:
    """All measurements: seconds and memory by (contender, task), versions, and what went wrong."""

    def __init__(self):
        self.seconds, self.memory, self.versions, self.problems = {}, {}, {}, {}

    def add(self, who, task, seconds, memory):
        self.seconds.setdefault((who, task), []).append(seconds)
        if memory:
            self.memory[who, task] = max(memory, self.memory.get((who, task), 0))

    def median(self, who, task):
        values = self.seconds.get((who, task))
        return statistics.median(values) if values else None


def can_run(peer, task):
    return peer != "onnxruntime" or task in tasks.INFER_BATCH


def measure_tasks(options, python, folder, peers, figures):
    if "ann-epoch" in options.tasks:
        noise.write_idx(folder / "noise", tasks.EPOCH_TRAIN + tasks.EPOCH_VALIDATION)
    for turn in range(options.rounds):
        for task in options.tasks:
            log(f"round {turn + 1} of {options.rounds}: {task}")
            figures.add("silma", task, *silma_task(options, folder, task))
            for peer in [p for p in peers if can_run(p, task) and (p, task) not in figures.problems]:
                try:
                    result = peer_task(python, options, peer, task)
                except PeerFailed as problem:
                    figures.problems[peer, task] = str(problem)
                    continue
                figures.add(peer, task, result["seconds"], result["peak_memory_bytes"])
                figures.versions[peer] = result["version"]


def shown_time(seconds):
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{1e6 * seconds:.3g} µs"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def shown_ratio(peer, silma):
    return f"{peer / silma:.2f}" if peer and silma else "-"


def print_row(cells):
    print("| " + " | ".join(cells) + " |")


def print_tasks(options, peers, figures):
    heading = ["Task", "Threads", "Silma"]
    for peer in peers:
        heading += [peer, f"{peer} / Silma"]
    print_row(heading)
    print_row([":---"] + ["---:"] * (len(heading) - 1))
    for task in options.tasks:
        silma = figures.median("silma", task)
        cells = [task, str(tasks.threads_of(task, options.threads)), shown_time(silma)]
        for peer in peers:
            cells += [shown_time(figures.median(peer, task)), shown_ratio(figures.median(peer, task), silma)]
        print_row(cells)
    if "cnn-train" in options.tasks:
        memory = [figures.memory.get((who, "cnn-train")) for who in ["silma"] + peers]
        cells = ["cnn-train, peak memory", "", f"{memory[0] / 1e6:.0f} MB" if memory[0] else "-"]
        for value in memory[1:]:
            cells += [f"{value / 1e6:.0f} MB" if value else "-", shown_ratio(value, memory[0])]
        print_row(cells)
    print()


# ----------------------------------------------------------------------------------------------------------------------
# Kernels


def measure_kernels(options, program, figures):
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    narrow = [options.filter] if options.filter else []
    for turn in range(options.rounds):
        log(f"round {turn + 1} of {options.rounds}: kernels")
        command = [options.silma, "bench", "kernels", "--threads", str(options.threads), "--json"]
        for result in last_json(run(command + (["--filter", *narrow] if narrow else [])))["results"]:
            figures.add("silma", result["name"], result["seconds_median"], None)
        peer = last_json(run([str(program), *narrow], env=environment))
        figures.versions["onednn"] = peer["version"]
        for result in peer["results"]:
            figures.add("onednn", result["name"], result["seconds"], None)


def print_kernels(figures):
    print_row(["Kernel, batch 128", "Silma", "oneDNN", "oneDNN / Silma", "Silma, direct", "oneDNN, direct",
               "oneDNN / Silma, direct"])
    print_row([":---"] + ["---:"] * 6)
    names = [name for who, name in figures.seconds if who == "silma" and name not in tasks.TASKS]
    for name in [n for n in names if not n.endswith(" direct")]:
        silma, silma_direct = figures.median("silma", name), figures.median("silma", name + " direct")
        direct, winograd = figures.median("onednn", name), figures.median("onednn", name + " winograd")
        best = min([value for value in (direct, winograd) if value], default=None)
        print_row([name, shown_time(silma), shown_time(best), shown_ratio(best, silma), shown_time(silma_direct),
                   shown_time(direct), shown_ratio(direct, silma_direct)])
    print()


# ----------------------------------------------------------------------------------------------------------------------


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def print_end(options, figures):
    version = run([options.silma, "--version"]).splitlines()
    print("; ".join([cpu_name(), f"{options.threads} threads", version[0], version[1].split(",")[0]] +
                    sorted(set(figures.versions.values())) + [f"medians over {options.rounds} round{'s' * (options.rounds > 1)}"]))
    for (peer, task), problem in figures.problems.items():
        print(f"\nNot measured: {peer}{', ' + task if task else ''}: {problem}")


def word_list(allowed):
    def parse(text):
        words = text.split(",")
        unknown = [word for word in words if word not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"'{unknown[0]}' is none of {', '.join(allowed)}")
        return words
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--silma", default="build/release/silma", help="the command")
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path("build/peers"),
                        help="the virtual environment, made if it is not there")
    parser.add_argument("--peers", type=word_list(PEERS), default=PEERS, metavar="A,B")
    parser.add_argument("--tasks", type=word_list(tasks.TASKS), default=tasks.TASKS, metavar="A,B")
    parser.add_argument("--filter", help="only kernels whose name contains this text")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of timed steps a task, peer and round")
    parser.add_argument("--epochs", type=int, default=3, help="timed epochs of ann-epoch a round")
    parser.add_argument("--torch-index", help="package index to install PyTorch from")
    options = parser.parse_args()
    options.silma = str(pathlib.Path(options.silma).resolve())
    return options


def prepare(options, python, folder, figures):
    """Peers that can run, and oneDNN's program or None."""
    ready, program = [], None
    for peer in options.peers:
        try:
            if peer == "onednn":
                program = compile_onednn(folder)
            else:
                install(python, peer, options)
                ready.append(peer)
        except PeerFailed as problem:
            figures.problems[peer, ""] = str(problem)
    return ready, program


def main():
    options = parse_arguments()
    figures = Figures()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        try:
            python = make_environment(options.venv)
            peers, program = prepare(options, python, folder, figures)
            measure_tasks(options, python, folder, peers, figures)
            print_tasks(options, peers, figures)
            if program:
                measure_kernels(options, program, figures)
                print_kernels(figures)
            print_end(options, figures)
        except PeerFailed as problem:  # Silma itself, or the environment
            sys.exit(f"run.py: {problem}")


main()
