"""What every peer script shares: the tasks, the clock, and the one JSON object that it prints."""
import argparse
import json
import os
import statistics
import time

TRAIN_BATCH = {"cnn-train": 500, "lenet5-train": 128}
INFER_BATCH = {"cnn-infer-1": 1, "cnn-infer-256": 256, "lenet5-infer-1": 1}
ONE_THREAD = {"cnn-infer-1", "lenet5-infer-1"}
TASKS = ["cnn-train", "ann-epoch", "lenet5-train", "cnn-infer-1", "cnn-infer-256", "lenet5-infer-1"]

EPOCH_BATCH, EPOCH_TRAIN, EPOCH_VALIDATION = 128, 48000, 12000
CLASSES = 10
INPUTS = {"cnn": (32, 32, 3), "ann": (28, 28, 1), "lenet5": (32, 32, 1)}


def network_of(task):
    return task.split("-")[0]


def threads_of(task, threads):
    return 1 if task in ONE_THREAD else threads


def parse_arguments():
    """Of a peer script; also sets the variables that must be there before a framework is imported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=2.0, help="time steps for this long")
    parser.add_argument("--epochs", type=int, default=3, help="time this many epochs")
    parser.add_argument("--compile", action="store_true", help="PyTorch: torch.compile")
    arguments = parser.parse_args()
    arguments.threads = threads_of(arguments.task, arguments.threads)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return arguments


def time_calls(call, seconds, warm_up=5):
    """Durations of single calls, at least five of them."""
    for _ in range(warm_up):
        call()
    durations = []
    end = time.perf_counter() + seconds
    while len(durations) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        durations.append(time.perf_counter() - begin)
    return durations


def peak_memory():
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def print_result(version, durations):
    print(json.dumps({"version": version, "seconds": statistics.median(durations), "samples": len(durations),
                      "peak_memory_bytes": peak_memory()}))
