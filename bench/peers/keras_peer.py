"""Keras on TensorFlow: one task, one JSON object."""
import os
import time

import tasks

arguments = tasks.parse_arguments()
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402 (after the variables that it reads)
import numpy  # noqa: E402
import tensorflow  # noqa: E402

tensorflow.config.threading.set_intra_op_parallelism_threads(arguments.threads)
tensorflow.config.threading.set_inter_op_parallelism_threads(1)
layers = keras.layers


def cnn():
    def block(filters):
        convolution = [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.BatchNormalization()]
        again = [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.BatchNormalization()]
        return convolution + again + [layers.MaxPooling2D(2), layers.Dropout(0.25)]

    head = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.25)]
    return block(32) + block(64) + head


def ann():
    return [layers.Flatten()] + [layers.Dense(units, activation="relu") for units in (128, 64, 32)]


def lenet5():
    return [layers.Conv2D(6, 5, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
            layers.Dense(120, activation="relu"), layers.Dense(84, activation="relu")]


def build(name):
    stack = {"cnn": cnn, "ann": ann, "lenet5": lenet5}[name]()
    head = layers.Dense(tasks.CLASSES, activation="softmax")
    model = keras.Sequential([keras.Input(tasks.INPUTS[name])] + stack + [head])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def noise(name, count):
    generator = numpy.random.default_rng(0)
    images = generator.random((count,) + tasks.INPUTS[name], dtype=numpy.float32)
    return images, generator.integers(0, tasks.CLASSES, count)


class EpochClock(keras.callbacks.Callback):
    """Times epochs with their validation."""

    def __init__(self):
        super().__init__()
        self.durations = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.durations.append(time.perf_counter() - self.begin)


def time_epochs(model, name):
    clock = EpochClock()
    model.fit(*noise(name, tasks.EPOCH_TRAIN), validation_data=noise(name, tasks.EPOCH_VALIDATION),
              batch_size=tasks.EPOCH_BATCH, epochs=arguments.epochs + 1, shuffle=True, verbose=0, callbacks=[clock])
    return clock.durations[1:]  # the first one traces the graph


def time_training(model, name):
    images, labels = (tensorflow.constant(part) for part in noise(name, tasks.TRAIN_BATCH[arguments.task]))
    return tasks.time_calls(lambda: model.train_on_batch(images, labels), arguments.seconds)


def time_inference(model, name):
    images = tensorflow.constant(noise(name, tasks.INFER_BATCH[arguments.task])[0])
    predict = tensorflow.function(lambda x: model(x, training=False))
    return tasks.time_calls(lambda: predict(images).numpy(), arguments.seconds)


def main():
    name = tasks.network_of(arguments.task)
    model = build(name)
    if arguments.task == "ann-epoch":
        durations = time_epochs(model, name)
    elif arguments.task in tasks.TRAIN_BATCH:
        durations = time_training(model, name)
    else:
        durations = time_inference(model, name)
    tasks.print_result(f"Keras {keras.__version__}, TensorFlow {tensorflow.__version__}", durations)


main()
