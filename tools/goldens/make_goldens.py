#!/usr/bin/env python3
"""Makes tests/goldens/*.safetensors with Keras 3 on TensorFlow: what Silma's layers, losses and optimisers must give.

    make_goldens.py [--out tests/goldens] [--only PREFIX]

What Keras cannot do (explicit padding of pools and convolutions) comes from make_goldens_torch.py, which also checks
every network made here against PyTorch (--check). Everything is computed in double precision from inputs that are
float32 numbers, and stored as float32, so that a golden's own error is one rounding.

A file holds one case. Metadata: "kind", "model" (a .silma text), "source", "made_by". Activations are (n, h, w, c) or,
after flatten, dense and global pooling, (n, c); filters (h, w, in / groups, out); dense kernels (in, out). Tensors:

kind layer, activation, network
    x, y             input; output in training mode
    y_inference      output in inference mode, with the statistics from before the step (models with batchnorm)
    dy, dx           gradients of the output (given) and of the input
    L.P, grad/L.P    parameter P of layer L before the step, and its gradient
    after/L.P        moving statistics after the step
kind network, instead of dy: the loss is the categorical cross-entropy, meaned over the batch
    labels, loss     one-hot labels, the scalar
    logits, dlogits  what goes into the final softmax, and the loss's gradient there
kind loss            metadata: loss, head (softmax, sigmoid, linear), label_smoothing
    logits, labels, class_weights (not always; an image's weight is its class's), loss, dlogits
kind optimizer       metadata: optimizer
    w0, g0 to g4     weights before; the gradients of five steps
    w1 to w5         weights after each step

A layer is called by its name= or else by its type and a running number from 1 (conv1). Where sigmoid or softmax would
end a model of kind layer or activation, a `linear` follows, so that it is not taken for the head of a loss.
"""
import argparse
import json
import os
import struct
import sys
import zlib

import numpy as np

ACTIVATIONS = {"linear", "relu", "leaky_relu", "prelu", "elu", "sigmoid", "tanh", "gelu", "silu", "softmax"}

# --- the .silma text -------------------------------------------------------------------------------------------------


def pair(text):
    parts = [int(part) for part in text.split("x")]
    return (parts[0], parts[0]) if len(parts) == 1 else tuple(parts)


def four(text):
    """P, PxP (vertical, horizontal) or T,L,B,R as (top, left, bottom, right)."""
    if "," in text:
        return tuple(int(part) for part in text.split(","))
    vertical, horizontal = pair(text)
    return vertical, horizontal, vertical, horizontal


def parse(text):
    """A list of layers, each a dict with type, name, inputs (names) and its settings; the first is the input."""
    layers, counts, previous = [], {}, None
    for line in text.strip().splitlines():
        kind, *words = line.split("#")[0].split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        words = [word for word in words if "=" not in word]
        counts[kind] = counts.get(kind, 0) + 1
        layer = {"type": kind, "name": options.pop("name", f"{kind}{counts[kind]}"),
                 "inputs": [options.pop("from", previous)], "activation": "linear"}
        if kind == "input":
            layer.update(shape=tuple(int(size) for size in words.pop(0).split("x")), inputs=[])
        if kind in ("conv", "dense"):
            layer.update(filters=int(words.pop(0)), bias=options.pop("bias", "yes") == "yes")
        if kind in ("conv", "maxpool", "avgpool"):
            layer["size"] = pair(words.pop(0))
            layer["same"] = "same" in words
            words = [word for word in words if word not in ("same", "valid")]
            layer["stride"] = pair(options.pop("stride", "1" if kind == "conv" else "%dx%d" % layer["size"]))
            layer["pad"] = four(options.pop("pad")) if "pad" in options else None
            layer["groups"] = int(options.pop("groups", 1))
        if kind in ("conv", "dense") and words:
            layer["activation"] = words.pop(0)
        if kind == "batchnorm":
            layer.update(momentum=float(options.pop("momentum", 0.99)), epsilon=float(options.pop("epsilon", 1e-3)))
        if kind == "add":
            layer["inputs"] += [words.pop(0)]
        if kind == "concat":
            layer["inputs"] = words if len(words) > 1 else layer["inputs"] + words
            words = []
        if kind in ACTIVATIONS:
            layer["activation"] = kind
        layer["slope"] = float(options.pop("slope", 0.01))
        layer["alpha"] = float(options.pop("alpha", 1))
        if words or options:
            sys.exit(f"not understood: {line}")
        previous = layer["name"]
        layers.append(layer)
    return layers


def parameter_shapes(layer, channels, count):
    """The parameters of a layer whose input has so many channels and (dense) so many values in all."""
    kind = layer["type"]
    bias = {"bias": (layer["filters"],)} if layer.get("bias") else {}
    if kind == "conv":
        return {"kernel": layer["size"] + (channels // layer["groups"], layer["filters"]), **bias}
    if kind == "dense":
        return {"kernel": (count, layer["filters"]), **bias}
    if kind == "batchnorm":
        return {name: (channels,) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    if kind == "prelu":
        return {"slope": (channels,)}
    return {}


def draw_parameter(random, name, shape):
    if name == "kernel":
        return random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
    if name == "slope":
        return random.uniform(0.05, 0.4, shape)
    if name in ("gamma", "moving_variance"):
        return random.uniform(0.5, 1.5, shape)
    return random.normal(0, 0.3, shape)


def is_statistic(name):
    return name.endswith((".moving_mean", ".moving_variance"))


def single(array):
    """Rounded to float32, but double again, so that the frameworks go on in double precision."""
    return np.asarray(array, np.float32).astype(np.float64)


def random_for(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


# --- safetensors -----------------------------------------------------------------------------------------------------


def write_safetensors(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name in sorted(tensors):
        array = np.asarray(tensors[name], np.float32)
        if not np.isfinite(array).all():
            sys.exit(f"{path}: {name} is not finite")
        raw = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(length)), file.read()
    metadata = header.pop("__metadata__")
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
            for name, entry in header.items()}, metadata


# --- the cases: name -> (batch, text) --------------------------------------------------------------------------------

LAYERS = {
    # convolutions: paddings, sizes, channels
    "conv-1x1": (3, "input 5x7x3\nconv 17 1x1"),
    "conv-1x1-wide": (1, "input 4x5x32\nconv 64 1x1"),
    "conv-1x1-33": (2, "input 3x5x33\nconv 16 1x1 valid"),
    "conv-1x1-stride2": (3, "input 7x8x5\nconv 3 1x1 stride=2"),
    "conv-3x3-valid": (3, "input 9x7x1\nconv 5 3x3 valid"),
    "conv-3x3-same-odd": (1, "input 7x9x3\nconv 16 3x3 same"),
    "conv-3x3-same-even": (3, "input 6x4x5\nconv 17 3x3 same"),
    "conv-3x3-16": (2, "input 3x4x16\nconv 16 3x3 same"),
    "conv-3x3-17-33": (1, "input 3x4x17\nconv 33 3x3 same"),
    "conv-3x3-33-9": (1, "input 3x4x33\nconv 9 3x3 same"),
    "conv-3x3-long-row": (1, "input 3x37x3\nconv 8 3x3 same"),
    "conv-3x3-one-channel": (3, "input 12x11x1\nconv 1 3x3 same"),
    "conv-3x3-one-pixel": (3, "input 1x1x5\nconv 7 3x3 same"),
    "conv-3x3-no-bias": (1, "input 6x5x3\nconv 16 3x3 same bias=no"),
    "conv-3x3-batch-5": (5, "input 5x5x3\nconv 8 3x3 same"),
    "conv-5x5-same": (1, "input 9x9x3\nconv 16 5x5 same"),
    "conv-5x5-valid": (3, "input 6x7x16\nconv 3 5x5 valid"),
    "conv-5x5-larger-than-image": (3, "input 2x3x3\nconv 5 5x5 same"),
    "conv-3x1-same": (3, "input 5x7x3\nconv 5 3x1 same"),
    "conv-1x3-valid": (1, "input 5x7x5\nconv 16 1x3"),
    "conv-2x2-same": (3, "input 5x6x3\nconv 5 2x2 same"),
    "conv-4x4-same-stride2": (3, "input 9x8x3\nconv 5 4x4 same stride=2"),
    "conv-7x7-same-stride2": (1, "input 12x11x3\nconv 5 7x7 same stride=2"),
    "conv-3x3-same-stride2-even": (3, "input 8x8x3\nconv 16 3x3 same stride=2"),
    "conv-3x3-same-stride2-odd": (2, "input 7x9x5\nconv 17 3x3 same stride=2"),
    "conv-3x3-valid-stride2": (3, "input 9x8x3\nconv 5 3x3 valid stride=2"),
    "conv-3x3-same-stride2x1": (1, "input 8x7x3\nconv 16 3x3 same stride=2x1"),
    "conv-3x3-valid-stride1x2": (1, "input 7x8x5\nconv 3 3x3 valid stride=1x2"),
    "conv-3x3-same-stride3": (3, "input 10x11x3\nconv 5 3x3 same stride=3"),
    "conv-2x2-valid-stride3": (3, "input 10x11x3\nconv 5 2x2 stride=3"),
    "conv-conv": (3, "input 6x7x3\nconv 5 3x3 same relu\nconv 7 3x3 valid"),
    # groups
    "conv-groups2": (3, "input 5x7x6\nconv 8 3x3 same groups=2"),
    "conv-groups2-stride2": (3, "input 8x7x10\nconv 6 3x3 same stride=2 groups=2"),
    "conv-groups2-wide": (1, "input 3x5x32\nconv 18 3x3 valid groups=2"),
    "conv-groups4": (1, "input 6x5x16\nconv 20 3x3 same relu groups=4"),
    "conv-groups4-1x1": (3, "input 5x5x12\nconv 8 1x1 groups=4"),
    "conv-depthwise": (3, "input 6x7x5\nconv 5 3x3 same groups=5"),
    "conv-depthwise-17": (1, "input 7x6x17\nconv 17 3x3 same groups=17 bias=no"),
    "conv-depthwise-stride2": (2, "input 6x7x16\nconv 16 3x3 same stride=2 groups=16"),
    "conv-depthwise-5x5": (1, "input 9x8x8\nconv 8 5x5 same groups=8"),
    "conv-depthwise-multiplier2": (3, "input 5x6x3\nconv 6 3x3 valid groups=3"),
    # activations inside a layer
    "conv-relu": (3, "input 3x5x3\nconv 17 3x3 same relu"),
    "conv-leaky_relu": (3, "input 5x7x3\nconv 5 3x3 same leaky_relu"),
    "conv-elu": (3, "input 5x7x3\nconv 5 3x3 same elu"),
    "conv-sigmoid": (3, "input 5x7x3\nconv 5 3x3 same sigmoid\nlinear"),
    "conv-tanh": (3, "input 5x7x3\nconv 5 3x3 same tanh"),
    "conv-gelu": (3, "input 5x7x3\nconv 5 3x3 same gelu"),
    "conv-silu": (3, "input 5x7x3\nconv 5 3x3 same silu"),
    "conv-softmax": (3, "input 5x7x3\nconv 5 3x3 same softmax\nlinear"),
    "dense-relu": (5, "input 1x1x17\nflatten\ndense 33 relu"),
    "dense-leaky_relu": (5, "input 1x1x17\nflatten\ndense 9 leaky_relu"),
    "dense-elu": (5, "input 1x1x17\nflatten\ndense 9 elu"),
    "dense-sigmoid": (5, "input 1x1x17\nflatten\ndense 9 sigmoid\nlinear"),
    "dense-tanh": (5, "input 1x1x17\nflatten\ndense 9 tanh"),
    "dense-gelu": (5, "input 1x1x17\nflatten\ndense 9 gelu"),
    "dense-silu": (5, "input 1x1x17\nflatten\ndense 9 silu"),
    "dense-softmax": (5, "input 1x1x17\nflatten\ndense 10 softmax\nlinear"),
    # dense
    "dense-1-1": (1, "input 1x1x1\nflatten\ndense 1"),
    "dense-5-3": (3, "input 1x1x5\nflatten\ndense 3"),
    "dense-33-17": (7, "input 1x1x33\nflatten\ndense 17"),
    "dense-100-7": (7, "input 10x10x1\nflatten\ndense 7"),
    "dense-flatten": (3, "input 3x5x7\nflatten\ndense 16"),
    "dense-32-64": (16, "input 2x4x4\nflatten\ndense 64"),
    "dense-no-bias": (3, "input 1x1x16\nflatten\ndense 10 bias=no"),
    "dense-dense": (3, "input 1x1x13\nflatten\ndense 11 relu\ndense 5"),
    # pools
    "maxpool-2x2-even": (3, "input 8x6x3\nmaxpool 2x2"),
    "maxpool-2x2-odd": (3, "input 7x9x5\nmaxpool 2x2"),
    "maxpool-2x2-same-odd": (3, "input 7x9x5\nmaxpool 2x2 same"),
    "maxpool-2x2-wide": (1, "input 4x6x33\nmaxpool 2x2"),
    "maxpool-2x2-stride1": (3, "input 5x4x3\nmaxpool 2x2 stride=1"),
    "maxpool-3x3-stride2": (3, "input 9x7x3\nmaxpool 3x3 stride=2"),
    "maxpool-3x3-stride2-same-even": (2, "input 8x4x17\nmaxpool 3x3 same stride=2"),
    "maxpool-3x3-stride2-same-odd": (1, "input 7x9x16\nmaxpool 3x3 same stride=2"),
    "maxpool-3x3-stride1-same": (3, "input 5x6x3\nmaxpool 3x3 same stride=1"),
    "maxpool-3x2-stride2x1": (3, "input 8x7x1\nmaxpool 3x2 stride=2x1"),
    "maxpool-2x2-stride3": (1, "input 8x9x5\nmaxpool 2x2 stride=3"),
    "avgpool-2x2-even": (3, "input 8x6x3\navgpool 2x2"),
    "avgpool-2x2-odd": (3, "input 7x9x5\navgpool 2x2"),
    "avgpool-2x2-same-odd": (3, "input 7x9x5\navgpool 2x2 same"),
    "avgpool-2x2-wide": (1, "input 4x6x33\navgpool 2x2"),
    "avgpool-3x3-stride2": (3, "input 9x7x3\navgpool 3x3 stride=2"),
    "avgpool-3x3-stride2-same-even": (2, "input 8x4x17\navgpool 3x3 same stride=2"),
    "avgpool-3x3-stride1-same": (3, "input 5x6x3\navgpool 3x3 same stride=1"),
    "avgpool-3x2-stride2x1": (3, "input 8x7x1\navgpool 3x2 stride=2x1"),
    "globalavgpool": (3, "input 5x7x17\nglobalavgpool"),
    "globalavgpool-one-pixel": (1, "input 1x1x33\nglobalavgpool"),
    "globalavgpool-dense": (3, "input 4x5x5\nglobalavgpool\ndense 3"),
    # batch normalisation
    "batchnorm": (3, "input 5x3x17\nbatchnorm"),
    "batchnorm-one-channel": (3, "input 6x5x1\nbatchnorm"),
    "batchnorm-batch-1": (1, "input 5x6x16\nbatchnorm"),
    "batchnorm-options": (3, "input 5x4x3\nbatchnorm momentum=0.9 epsilon=1e-5"),
    "batchnorm-offset": (3, "input 5x6x5\nbatchnorm"),
    "batchnorm-dense": (8, "input 1x1x17\nflatten\ndense 33 bias=no\nbatchnorm"),
    "batchnorm-flat-batch-1": (1, "input 1x1x5\nflatten\nbatchnorm"),
    "batchnorm-conv-relu": (3, "input 4x3x3\nconv 16 3x3 same relu\nbatchnorm"),
    "batchnorm-then-relu": (3, "input 3x4x3\nconv 16 3x3 same bias=no\nbatchnorm\nrelu"),
    # branches
    "add": (3, "input 6x5x3\nconv 5 3x3 same relu name=a\nconv 5 3x3 same name=b\nadd a"),
    "add-itself": (3, "input 4x5x3\nconv 5 1x1 name=a\nadd a"),
    "concat-one-name": (3, "input 5x4x3\nconv 5 3x3 same relu name=a\nconv 3 3x3 same name=b\nconcat a"),
    "concat-two": (3, "input 5x4x3\nconv 4 3x3 same relu name=a\nconv 3 1x1 name=b\nconv 5 3x3 same from=a name=c\n"
                   "concat b c"),
    "concat-three": (1, "input 5x4x3\nconv 4 3x3 same relu name=a\nconv 17 1x1 name=b\nconv 1 3x3 same from=a name=c\n"
                     "concat c a b\nrelu"),
    "residual": (2, "input 8x7x3\nconv 8 3x3 same relu name=stem\nconv 8 3x3 same bias=no name=a1\nbatchnorm name=n1\n"
                 "relu\nconv 8 3x3 same bias=no name=a2\nbatchnorm name=n2\nadd stem name=sum\nrelu name=block\n"
                 "conv 12 3x3 same stride=2 bias=no name=b1\nbatchnorm name=n3\n"
                 "conv 12 1x1 same stride=2 bias=no from=block name=shortcut\nadd n3\nrelu\nglobalavgpool\ndense 5"),
    "separable": (2, "input 8x8x3\nconv 6 3x3 same silu name=stem\nconv 6 3x3 same groups=6 bias=no name=depth\n"
                  "batchnorm name=n1\nsilu\nconv 6 1x1 name=point\nadd stem"),
}

ACTIVATION_CASES = {
    "activation-relu": "relu", "activation-leaky_relu": "leaky_relu",
    "activation-leaky_relu-slope": "leaky_relu slope=0.2",
    "activation-prelu": "prelu", "activation-elu": "elu", "activation-elu-alpha": "elu alpha=0.5",
    "activation-sigmoid": "sigmoid\nlinear", "activation-tanh": "tanh", "activation-gelu": "gelu",
    "activation-silu": "silu", "activation-softmax": "softmax\nlinear", "activation-linear": "linear",
}

NETWORKS = {
    "network-cnn": (4, "input 8x8x3\nconv 8 3x3 same relu\nbatchnorm\nmaxpool 2x2\nconv 12 3x3 same relu\nbatchnorm\n"
                    "maxpool 2x2\nflatten\ndense 16 relu\ndense 10 softmax"),
    "network-ann": (5, "input 6x6x1\nflatten\ndense 16 relu\ndense 12 relu\ndense 8 relu\ndense 10 softmax"),
    "network-residual": (3, "input 8x8x3\nconv 8 3x3 same bias=no name=stem\nbatchnorm name=n1\nrelu name=start\n"
                         "conv 8 3x3 same bias=no name=a\nbatchnorm name=n2\nrelu\nconv 8 3x3 same bias=no name=b\n"
                         "batchnorm name=n3\nadd start\nrelu\nglobalavgpool\ndense 4 softmax"),
}

LOSSES = {  # name: (loss, head, batch, classes, label smoothing, options: weights, soft, extreme)
    "loss-cce": ("categorical_crossentropy", "softmax", 7, 10, 0, ""),
    "loss-cce-one-image": ("categorical_crossentropy", "softmax", 1, 3, 0, ""),
    "loss-cce-33": ("categorical_crossentropy", "softmax", 5, 33, 0, ""),
    "loss-cce-smoothing": ("categorical_crossentropy", "softmax", 7, 10, 0.1, ""),
    "loss-cce-weights": ("categorical_crossentropy", "softmax", 7, 5, 0, "weights"),
    "loss-cce-smoothing-weights": ("categorical_crossentropy", "softmax", 7, 5, 0.1, "weights"),
    "loss-cce-soft": ("categorical_crossentropy", "softmax", 7, 5, 0, "soft"),
    "loss-cce-extreme": ("categorical_crossentropy", "softmax", 8, 6, 0, "extreme"),
    "loss-cce-extreme-smoothing": ("categorical_crossentropy", "softmax", 8, 6, 0.1, "extreme"),
    "loss-bce": ("binary_crossentropy", "sigmoid", 7, 10, 0, ""),
    "loss-bce-one-class": ("binary_crossentropy", "sigmoid", 9, 1, 0, "soft"),
    "loss-bce-smoothing": ("binary_crossentropy", "sigmoid", 7, 10, 0.1, ""),
    "loss-bce-weights": ("binary_crossentropy", "sigmoid", 7, 5, 0, "weights"),
    "loss-bce-soft": ("binary_crossentropy", "sigmoid", 7, 5, 0, "soft"),
    "loss-bce-extreme": ("binary_crossentropy", "sigmoid", 8, 6, 0, "extreme"),
    "loss-bce-softmax": ("binary_crossentropy", "softmax", 7, 5, 0, ""),
    "loss-mse-linear": ("mean_squared_error", "linear", 7, 10, 0, ""),
    "loss-mse-sigmoid": ("mean_squared_error", "sigmoid", 7, 10, 0, ""),
    "loss-mse-softmax": ("mean_squared_error", "softmax", 7, 10, 0, ""),
    "loss-mse-weights": ("mean_squared_error", "softmax", 7, 5, 0, "weights"),
    "loss-mse-soft": ("mean_squared_error", "softmax", 3, 3, 0, "soft"),
    "loss-mse-softmax-extreme": ("mean_squared_error", "softmax", 8, 6, 0, "extreme"),
    "loss-mse-sigmoid-extreme": ("mean_squared_error", "sigmoid", 8, 6, 0, "extreme"),
}

OPTIMIZERS = {
    "optimizer-sgd": "sgd lr=0.1",
    "optimizer-sgd-momentum": "sgd lr=0.1 momentum=0.9",
    "optimizer-sgd-nesterov": "sgd lr=0.1 momentum=0.9 nesterov=yes",
    "optimizer-sgd-decay": "sgd lr=0.1 momentum=0.9 weight_decay=0.01",
    "optimizer-sgd-clip": "sgd lr=0.1 momentum=0.9 clip_norm=1.0",
    "optimizer-adagrad": "adagrad lr=0.01",
    "optimizer-adagrad-clip": "adagrad lr=0.01 clip_norm=1.0",
    "optimizer-rmsprop": "rmsprop lr=0.001 rho=0.9",
    "optimizer-rmsprop-rho": "rmsprop lr=0.01 rho=0.5 clip_norm=1.0",
    "optimizer-adam": "adam lr=0.001 beta1=0.9 beta2=0.999 epsilon=1e-7",
    "optimizer-adam-options": "adam lr=0.01 beta1=0.8 beta2=0.95 epsilon=1e-3",
    "optimizer-adam-clip": "adam lr=0.001 clip_norm=1.0",
    "optimizer-adamw": "adamw lr=0.001 weight_decay=0.004",
    "optimizer-adamw-clip": "adamw lr=0.01 weight_decay=0.1 clip_norm=1.0",
}

# --- inputs ----------------------------------------------------------------------------------------------------------


def case_input(name, shape, random):
    x = random.normal(0, 1, shape)
    if name == "batchnorm-offset":
        x = 30 + x / 2
    if name.startswith("activation"):
        x *= 3
        extremes = [-100, -88, -50, -20, -9, -1e-4, 1e-4, 9, 20, 50, 88, 100]
        x.reshape(-1)[:len(extremes)] = extremes
        if name == "activation-relu":
            x.reshape(-1)[len(extremes)] = 0  # where ReLU has no derivative, Keras takes 0
    return single(x)


def loss_input(name):
    loss, head, n, classes, smoothing, options = LOSSES[name]
    random = random_for(name)
    logits = random.normal(0, 2, (n, classes))
    index = random.integers(0, classes, n)
    labels = np.eye(classes)[index]
    if "soft" in options.split():
        labels = random.dirichlet(np.ones(classes), n) if classes > 1 else random.integers(0, 2, (n, 1))
    if options == "extreme":
        logits = random.choice([-80, -30, 0, 30, 80], (n, classes)) + random.normal(0, 0.5, (n, classes))
        logits[0] = -80
        logits[0, index[0]] = 80  # as right as can be
        logits[1] = 80
        logits[1, index[1]] = -80  # as wrong as can be
    weights = random.uniform(0.2, 3, classes) if options == "weights" else None
    return single(logits), single(labels), None if weights is None else single(weights)


# --- Keras -----------------------------------------------------------------------------------------------------------


def load_keras():
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    global keras, tf, made_by
    import tensorflow as tf
    import keras
    keras.backend.set_floatx("float64")
    made_by = f"tools/goldens/make_goldens.py with Keras {keras.__version__}, TensorFlow {tf.__version__}"


def keras_activation(layer):
    layers = keras.layers
    return {
        "relu": layers.ReLU, "sigmoid": lambda: layers.Activation("sigmoid"), "tanh": lambda: layers.Activation("tanh"),
        "leaky_relu": lambda: layers.LeakyReLU(negative_slope=layer["slope"]),
        "elu": lambda: layers.ELU(alpha=layer["alpha"]), "silu": lambda: layers.Activation("silu"),
        "gelu": lambda: layers.Activation(lambda x: keras.activations.gelu(x, approximate=False)),
        "softmax": layers.Softmax,
    }[layer["activation"]]()


def build_keras(layers):
    """The model, its parametrised Keras layers by name, and a model that ends before the last layer's activation."""
    outputs, owners, last = {}, {}, None
    for layer in layers:
        kind, inputs = layer["type"], [outputs[name] for name in layer["inputs"]]
        if kind == "input":
            first = last = y = keras.Input(layer["shape"])
        else:
            x = inputs[0]
            channels = x.shape[-1]
            if layer.get("pad"):
                sys.exit("Keras has no explicit padding")
            if kind in ("conv", "maxpool", "avgpool"):
                place = {"strides": layer["stride"], "padding": "same" if layer["same"] else "valid"}
            if kind == "conv":
                op = keras.layers.Conv2D(layer["filters"], layer["size"], groups=layer["groups"],
                                         use_bias=layer["bias"], **place)
            elif kind == "dense":
                op = keras.layers.Dense(layer["filters"], use_bias=layer["bias"])
            elif kind == "maxpool":
                op = keras.layers.MaxPooling2D(layer["size"], **place)
            elif kind == "avgpool":
                op = keras.layers.AveragePooling2D(layer["size"], **place)
            elif kind == "globalavgpool":
                op = keras.layers.GlobalAveragePooling2D()
            elif kind == "batchnorm":
                op = keras.layers.BatchNormalization(momentum=layer["momentum"], epsilon=layer["epsilon"])
            elif kind == "flatten":
                op = keras.layers.Flatten()
            elif kind == "prelu":
                op = keras.layers.PReLU(shared_axes=[1, 2] if len(x.shape) == 4 else None)
            elif kind == "add":
                op, x = keras.layers.Add(), inputs
            elif kind == "concat":
                op, x = keras.layers.Concatenate(), inputs
            elif kind in ACTIVATIONS:
                op = keras.layers.Identity()
            y = last = op(x)
            if op.weights:
                shapes = parameter_shapes(layer, channels, channels)
                owners[layer["name"]] = (op, shapes)
            if layer["activation"] not in ("linear", "prelu"):
                y = keras_activation(layer)(y)
        outputs[layer["name"]] = y
    return keras.Model(first, y), owners, keras.Model(first, last)


def keras_network(name, kind, batch, text):
    random = random_for(name)
    layers = parse(text)
    model, owners, before_head = build_keras(layers)
    tensors, variables = {}, {}
    for layer in layers:
        if layer["name"] not in owners:
            continue
        op, shapes = owners[layer["name"]]
        named = {"slope" if v.name == "alpha" else v.name: v for v in op.weights}
        if set(named) != set(shapes):
            sys.exit(f"{name}: {layer['name']} has {sorted(named)}, not {sorted(shapes)}")
        for parameter, shape in shapes.items():
            value = single(draw_parameter(random, parameter, shape))
            named[parameter].assign(value.reshape(named[parameter].shape))
            tensors[f"{layer['name']}.{parameter}"] = value
            variables[f"{layer['name']}.{parameter}"] = named[parameter]
    x = case_input(name, (batch,) + layers[0]["shape"], random)
    tensors["x"] = x
    x = tf.constant(x)
    if any(layer["type"] == "batchnorm" for layer in layers):
        tensors["y_inference"] = model(x, training=False)

    trainable = [name for name in variables if not is_statistic(name)]
    watched = [x] + [variables[name].value for name in trainable]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        if kind == "network":
            logits = before_head(x, training=True)
            y = keras.ops.softmax(logits)
            classes = y.shape[-1]
            labels = np.eye(classes)[random.integers(0, classes, batch)]
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)(labels, logits)
            tensors.update(labels=labels, logits=logits, loss=loss)
        else:
            y = model(x, training=True)
    tensors["y"] = y
    if kind == "network":
        gradients = tape.gradient(loss, watched)
        tensors["dlogits"] = tape.gradient(loss, logits)
    else:
        tensors["dy"] = single(random.normal(0, 1, y.shape))
        gradients = tape.gradient(y, watched, output_gradients=tf.constant(tensors["dy"]))
    tensors["dx"] = gradients[0]
    for parameter, gradient in zip(trainable, gradients[1:]):
        tensors["grad/" + parameter] = np.reshape(gradient, tensors[parameter].shape)
    for parameter, variable in variables.items():
        if is_statistic(parameter):
            tensors["after/" + parameter] = variable.numpy()
    return tensors, {"kind": kind, "model": text + "\n", "source": "keras", "made_by": made_by}


def keras_loss(name):
    loss, head, n, classes, smoothing, options = LOSSES[name]
    logits, labels, weights = loss_input(name)
    z = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(z)
        p = {"softmax": keras.ops.softmax, "sigmoid": keras.ops.sigmoid, "linear": lambda z: z}[head](z)
        # From the logits wherever Keras can, because p may round to 0.
        if loss == "categorical_crossentropy":
            output, function = z, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
        elif loss == "binary_crossentropy":
            # p + 0: Keras remembers that p came out of an activation, and would take even a softmax's logits for a
            # sigmoid's (_keras_logits).
            output = z if head == "sigmoid" else p + 0
            function = keras.losses.BinaryCrossentropy(from_logits=head == "sigmoid", label_smoothing=smoothing)
        else:
            output, function = p, keras.losses.MeanSquaredError()
        # As Keras's class_weight: an image counts as much as its class; the sum is divided by the number of images.
        per_image = None if weights is None else weights[labels.argmax(axis=1)]
        value = function(labels, output, sample_weight=per_image)
    tensors = {"logits": logits, "labels": labels, "loss": value, "dlogits": tape.gradient(value, z)}
    if weights is not None:
        tensors["class_weights"] = weights
    return tensors, {"kind": "loss", "loss": loss, "head": head, "label_smoothing": f"{smoothing:g}",
                     "source": "keras", "made_by": made_by}


def keras_optimizer(name):
    words = OPTIMIZERS[name].split()
    names = {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "clip_norm": "global_clipnorm"}
    settings = {}
    for word in words[1:]:
        key, value = word.split("=")
        settings[names.get(key, key)] = True if value == "yes" else float(value)
    kinds = {"sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
    optimizer = getattr(keras.optimizers, kinds[words[0]])(**settings)
    random = random_for(name)
    w = keras.Variable(single(random.normal(0, 1, 37)))
    tensors = {"w0": w.numpy()}
    for step in range(5):
        g = random.normal(0, 1, 37) * (0.05, 1, 0.1, 3, 0.5)[step]  # norms from 0.3 to 18, so that clipping may rest
        g[:3] = 0, 1e-6, -1e-6
        tensors[f"g{step}"] = single(g)
        optimizer.apply([tf.constant(tensors[f"g{step}"])], [w] if step == 0 else None)
        tensors[f"w{step + 1}"] = w.numpy()
    return tensors, {"kind": "optimizer", "optimizer": OPTIMIZERS[name], "source": "keras", "made_by": made_by}


# --- main ------------------------------------------------------------------------------------------------------------


def arguments(text):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--out", default=os.path.join(here, "..", "..", "tests", "goldens"))
    parser.add_argument("--only", default="", help="only the cases whose names begin so")
    return parser


def main():
    args = arguments(__doc__).parse_args()
    load_keras()
    jobs = {name: lambda name=name, case=case: keras_network(name, "layer", *case) for name, case in LAYERS.items()}
    jobs.update({name: lambda name=name, text=text: keras_network(name, "activation", 2, "input 3x5x7\n" + text)
                 for name, text in ACTIVATION_CASES.items()})
    jobs.update({name: lambda name=name, case=case: keras_network(name, "network", *case)
                 for name, case in NETWORKS.items()})
    jobs.update({name: lambda name=name: keras_loss(name) for name in LOSSES})
    jobs.update({name: lambda name=name: keras_optimizer(name) for name in OPTIMIZERS})
    os.makedirs(args.out, exist_ok=True)
    for name, job in jobs.items():
        if name.startswith(args.only):
            tensors, metadata = job()
            write_safetensors(os.path.join(args.out, name + ".safetensors"), tensors, metadata)
            print(name, flush=True)


if __name__ == "__main__":
    main()
