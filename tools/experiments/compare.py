#!/usr/bin/env python3
"""A Markdown table of Silma's and Keras's runs on the same splits.

    compare.py SILMA_OUT KERAS_OUT

SILMA_OUT holds the run folders of silma_experiments.sh, KERAS_OUT the curves (CSV) of keras_experiments.py. Runs are
paired by experiment and seed; where one of them was stopped before its end, both are cut to the shorter one's epochs.
"""
import csv
import json
import pathlib
import statistics
import sys

EPOCHS = {"ann": 300, "cnn": 100}  # at most
EXPERIMENTS = ["fashion-ann", "fashion-cnn", "cifar-ann", "cifar-cnn"]


def read_curve(path, number):
    with open(path, newline="") as file:
        return [number(row) for row in csv.DictReader(file)]


def silma_runs(folder):
    for run in sorted(pathlib.Path(folder).glob("*-seed*/history.csv")):
        experiment, _, seed = run.parent.name.rpartition("-seed")
        yield (experiment, int(seed)), read_curve(run, lambda row: float(row["val_accuracy"]))


def keras_runs(folder):
    for run in sorted(pathlib.Path(folder).glob("*-seed*.csv")):
        experiment, _, seed = run.stem.rpartition("-seed")
        curve = read_curve(run, lambda row: float(row["val_accuracy"]))
        summary = run.with_suffix(".json")
        stopped = summary.exists() and json.loads(summary.read_text())["stopped_early"]
        yield (experiment, int(seed)), (curve, stopped or len(curve) == EPOCHS[experiment.rpartition("-")[2]])


def row(experiment, seed, silma, keras, ended):
    shorter = min(len(silma), len(keras))
    note = "" if ended else f" (both cut to {shorter} epochs)"
    if not ended:
        silma, keras = silma[:shorter], keras[:shorter]
    best = [max(silma), max(keras)]
    print(f"| {experiment} | {seed} | {best[0]:.4f} (epoch {silma.index(best[0]) + 1} of {len(silma)}) "
          f"| {best[1]:.4f} (epoch {keras.index(best[1]) + 1} of {len(keras)}){note} | {100 * (best[0] - best[1]):+.2f} |")
    return best


def main():
    silma = dict(silma_runs(sys.argv[1]))
    keras = dict(keras_runs(sys.argv[2]))
    print("| experiment | seed | Silma: best validation accuracy | Keras: best validation accuracy | points |")
    print("|---|---|---|---|---|")
    for experiment in EXPERIMENTS:
        pairs = [row(experiment, seed, silma[name, seed], *keras[name, seed])
                 for name, seed in sorted(silma) if name == experiment and (name, seed) in keras]
        if not pairs:
            continue
        means = [statistics.mean(column) for column in zip(*pairs)]
        print(f"| **{experiment}** | mean of {len(pairs)} | **{means[0]:.4f}** | **{means[1]:.4f}** "
              f"| **{100 * (means[0] - means[1]):+.2f}** |")


if __name__ == "__main__":
    main()
