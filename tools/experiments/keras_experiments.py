#!/usr/bin/env python3
"""The thesis's four experiments in Keras 3 on TensorFlow: the yardstick for Silma.

    keras_experiments.py --experiment fashion-cnn --seed 0 --split fashion-0.json --data DIR --out DIR

The split is a JSON file {"train": [indices], "validation": [indices]} into the original training set's order
(CIFAR-10: data_batch_1 to data_batch_5, one after another). DIR holds Fashion-MNIST's train-*-ubyte.gz files, or
CIFAR-10's data_batch_*.bin. Writes OUT/<experiment>-seed<N>.csv, a line an epoch, and at the end
OUT/<experiment>-seed<N>.json; a run whose .json exists is skipped, an unfinished one goes on from its last epoch
(OUT/<experiment>-seed<N>.keras).

Each epoch is a call of fit() on images shuffled here by NumPy from (seed, epoch): TensorFlow's own shuffle under
keras.utils.set_random_seed deals the same order in every epoch, which no user's training does. The rule of early
stopping is Keras's: the training loss has not fallen below its best for `patience` epochs.

A CNN's epoch takes a fifth less time (0.93 s a step of 500 images of Fashion-MNIST, 0.75 with it, on one core) where XLA
fuses what lies between the convolutions, which stay oneDNN's:

    export XLA_FLAGS=--xla_cpu_multi_thread_eigen=false
    export TF_XLA_FLAGS="--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit --tf_xla_ops_to_cluster=FUSIBLE"
"""
import argparse
import gzip
import json
import os
import statistics
import struct
import sys
import time

EXPERIMENTS = {  # data, network, epochs at most, batch size, patience of early stopping on the training loss
    "cifar-ann": ("cifar", "ann", 300, 128, 10),
    "cifar-cnn": ("cifar", "cnn", 100, 500, 3),
    "fashion-ann": ("fashion", "ann", 300, 128, 10),
    "fashion-cnn": ("fashion", "cnn", 100, 500, 3),
}
PARAMETERS = {"cifar-ann": 404010, "cifar-cnn": 329194, "fashion-ann": 111146, "fashion-cnn": 267178}
COLUMNS = ["epoch", "loss", "accuracy", "true_positives", "val_loss", "val_accuracy", "val_true_positives", "seconds",
           "train_seconds"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", required=True, choices=sorted(EXPERIMENTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", required=True, help="JSON file with the training and validation indices")
    parser.add_argument("--data", required=True, help="folder with the data set's files")
    parser.add_argument("--out", required=True, help="folder for the results")
    parser.add_argument("--epochs", type=int, help="train at most so many epochs")
    parser.add_argument("--threads", type=int, default=0, help="threads for TensorFlow (0: its own choice)")
    parser.add_argument("--jit", choices=["auto", "on", "off"], default="auto", help="XLA (auto: Keras's choice)")
    parser.add_argument("--steps-per-execution", type=int, default=1, help="batches in one call of the graph")
    return parser.parse_args()


def read_idx(path):
    import numpy as np
    with gzip.open(path, "rb") as file:
        data = file.read()
    zero, kind, rank = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8:
        sys.exit(f"{path}: not an IDX file of bytes")
    shape = struct.unpack(f">{rank}I", data[4:4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load_fashion(folder):
    images = read_idx(os.path.join(folder, "train-images-idx3-ubyte.gz"))
    labels = read_idx(os.path.join(folder, "train-labels-idx1-ubyte.gz"))
    return images[..., None], labels


def load_cifar(folder):
    import numpy as np
    records = np.concatenate([
        np.fromfile(os.path.join(folder, f"data_batch_{i}.bin"), np.uint8).reshape(-1, 3073) for i in range(1, 6)])
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, records[:, 0]


def read_csv(path):
    with open(path) as file:
        rows = [line.split(",") for line in file.read().splitlines()[1:]]
    return [[int(row[0])] + [float(value) for value in row[1:]] for row in rows]


def write_csv(path, history):
    with open(path + ".part", "w") as file:
        file.write(",".join(COLUMNS) + "\n")
        for row in history:
            file.write(",".join(f"{value:.9g}" for value in row) + "\n")
    os.replace(path + ".part", path)


def build_ann(keras, shape):
    layers = keras.layers
    return keras.Sequential([
        keras.Input(shape), layers.Flatten(),
        layers.Dense(128, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu"),
        layers.Dense(10, activation="softmax")])


def build_cnn(keras, shape):
    layers = keras.layers
    model = keras.Sequential([keras.Input(shape)])
    for filters in (32, 64):
        for _ in range(2):
            model.add(layers.Conv2D(filters, (3, 3), padding="same", activation="relu"))
            model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D((2, 2), strides=2))
        model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dropout(0.25))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def main():
    args = parse_arguments()
    stem = os.path.join(args.out, f"{args.experiment}-seed{args.seed}")
    if os.path.exists(stem + ".json"):
        print(f"{stem}.json exists: nothing to do")
        return
    os.makedirs(args.out, exist_ok=True)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import numpy as np
    import tensorflow as tf
    if args.threads:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    import keras

    data, network, epochs, batch, patience = EXPERIMENTS[args.experiment]
    if args.epochs:
        epochs = min(epochs, args.epochs)
    keras.utils.set_random_seed(args.seed)

    images, labels = load_fashion(args.data) if data == "fashion" else load_cifar(args.data)
    with open(args.split) as file:
        split = json.load(file)
    one_hot = np.eye(10, dtype=np.float32)

    def part(name):
        index = np.asarray(split[name])
        return np.ascontiguousarray(images[index], dtype=np.float32) / np.float32(255), one_hot[labels[index]]

    x_train, y_train = part("train")
    x_val, y_val = part("validation")
    del images

    history = []
    if os.path.exists(stem + ".keras"):
        model = keras.saving.load_model(stem + ".keras")
        history = read_csv(stem + ".csv")[:int(model.optimizer.iterations.numpy()) // -(-len(x_train) // batch)]
    else:
        model = build_ann(keras, x_train.shape[1:]) if network == "ann" else build_cnn(keras, x_train.shape[1:])
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate=1e-3), loss="categorical_crossentropy",
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy"),
                     keras.metrics.TruePositives(name="true_positives")],
            jit_compile={"auto": "auto", "on": True, "off": False}[args.jit],
            steps_per_execution=args.steps_per_execution)
    if model.count_params() != PARAMETERS[args.experiment]:
        sys.exit(f"{args.experiment}: {model.count_params()} parameters, {PARAMETERS[args.experiment]} expected")

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_test_begin(self, logs=None):  # the validation that follows the last training batch
            self.train_seconds = time.perf_counter() - self.begin

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = time.perf_counter() - self.begin

    clock = Clock()
    stopped = False
    while len(history) < epochs and not stopped:
        epoch = len(history)
        order = np.random.default_rng([args.seed, epoch]).permutation(len(x_train))
        logs = model.fit(x_train[order], y_train[order], batch_size=batch, initial_epoch=epoch, epochs=epoch + 1,
                         shuffle=False, validation_data=(x_val, y_val), validation_batch_size=1000,
                         callbacks=[clock], verbose=0).history
        history.append([epoch + 1] + [float(logs[name][0]) for name in COLUMNS[1:7]]
                       + [clock.seconds, clock.train_seconds])
        if network == "cnn" or epoch % 10 == 9:
            model.save(stem + ".part.keras")
            write_csv(stem + ".csv", history)
            os.replace(stem + ".part.keras", stem + ".keras")
        losses = [row[1] for row in history]
        stopped = len(losses) - 1 - losses.index(min(losses)) >= patience
    write_csv(stem + ".csv", history)

    best = max(history, key=lambda row: row[5])
    prediction = model.predict(x_val, batch_size=1000, verbose=0).argmax(axis=1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (y_val.argmax(axis=1), prediction), 1)
    summary = {
        "experiment": args.experiment, "seed": args.seed, "split": os.path.basename(args.split),
        "train_images": len(x_train), "validation_images": len(x_val),
        "best_val_accuracy": best[5], "best_epoch": best[0], "final_val_accuracy": history[-1][5],
        "epochs_run": len(history), "epochs_at_most": epochs,
        "stopped_early": stopped,
        "total_parameters": model.count_params(),
        "median_images_per_second": len(x_train) / statistics.median(row[-1] for row in history),
        "median_epoch_seconds": statistics.median(row[7] for row in history),
        "jit": args.jit, "steps_per_execution": args.steps_per_execution, "threads": args.threads,
        "batch": batch, "patience": patience,
        "confusion_final": confusion.tolist(),
        "versions": {"python": sys.version.split()[0], "keras": keras.__version__, "tensorflow": tf.__version__,
                     "numpy": np.__version__},
    }
    with open(stem + ".json.part", "w") as file:
        json.dump(summary, file, indent=1)
        file.write("\n")
    os.replace(stem + ".json.part", stem + ".json")
    print(f"{args.experiment} seed {args.seed}: best validation accuracy {best[5]:.4f} at epoch {best[0]}, "
          f"{len(history)} epochs, {summary['median_images_per_second']:.0f} images/s")


if __name__ == "__main__":
    main()
