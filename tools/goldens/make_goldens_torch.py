#!/usr/bin/env python3
"""Makes the goldens that Keras cannot make (explicit padding) with PyTorch, and checks Keras's with it.

    make_goldens_torch.py [--out tests/goldens] [--only PREFIX]
    make_goldens_torch.py --check [--out tests/goldens]

make_goldens.py says what is in a file. --check runs every network, layer and activation found in the folder through
PyTorch in double precision and compares, and once more in single precision, so that no golden hangs on a value that
rounding may push over a kink; the losses and optimisers it recomputes from their formulas.
"""
import glob
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

from make_goldens import (arguments, case_input, draw_parameter, is_statistic, parameter_shapes, parse, random_for,
                          read_safetensors, single, write_safetensors)

LAYERS = {
    "conv-pad1": (3, "input 6x7x3\nconv 5 3x3 pad=1"),
    "conv-pad2x1": (2, "input 6x5x3\nconv 16 5x3 pad=2x1"),
    "conv-pad2-larger": (1, "input 4x5x5\nconv 3 1x1 pad=2"),
    "conv-pad1-stride2-even": (3, "input 8x6x3\nconv 16 3x3 stride=2 pad=1"),
    "conv-pad1-stride2-odd": (2, "input 7x9x5\nconv 17 3x3 relu stride=2 pad=1"),
    "conv-pad-asymmetric": (3, "input 6x7x3\nconv 5 3x3 pad=0,1,2,3"),
    "conv-pad-asymmetric-stride2x1": (3, "input 7x6x5\nconv 16 3x3 relu stride=2x1 pad=1,0,0,2"),
    "conv-pad-rows-only": (1, "input 5x6x3\nconv 5 3x1 pad=1x0"),
    "conv-pad1-groups2": (3, "input 5x7x6\nconv 8 3x3 stride=2 pad=1 groups=2"),
    "conv-pad1-depthwise": (2, "input 6x5x17\nconv 17 3x3 stride=2 pad=1 groups=17"),
    "conv-alexnet-like": (1, "input 23x23x3\nconv 4 11x11 relu stride=4 pad=2"),
    "conv-alexnet-like-groups": (1, "input 5x5x8\nconv 12 5x5 relu pad=2 groups=2"),
    "maxpool-pad1": (3, "input 8x6x3\nmaxpool 3x3 stride=2 pad=1"),
    "maxpool-pad1-odd": (1, "input 7x9x17\nmaxpool 3x3 stride=2 pad=1"),
    "maxpool-pad-asymmetric": (3, "input 6x7x5\nmaxpool 3x3 stride=2 pad=0,1,2,0"),
    "maxpool-pad1x0": (3, "input 6x5x3\nmaxpool 2x2 stride=1 pad=1x0"),
    "avgpool-pad1": (3, "input 8x6x3\navgpool 3x3 stride=2 pad=1"),
    "avgpool-pad1-odd": (1, "input 7x9x17\navgpool 3x3 stride=2 pad=1"),
    "avgpool-pad-asymmetric": (3, "input 6x7x5\navgpool 3x3 stride=2 pad=0,1,2,0"),
    "avgpool-pad1x0": (3, "input 6x5x3\navgpool 2x2 stride=1 pad=1x0"),
}
NETWORKS = {
    "network-alexnet-like": (2, "input 19x19x3\nconv 6 5x5 relu stride=2 pad=1\nmaxpool 3x3 stride=2\n"
                             "conv 8 3x3 relu pad=1 groups=2\nmaxpool 3x3 stride=2 pad=0,0,1,1\nflatten\n"
                             "dense 16 relu\ndense 10 softmax"),
}
MADE_BY = f"tools/goldens/make_goldens_torch.py with PyTorch {torch.__version__}"


def same_pad(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def activate(layer, x):
    """x is (n, c, h, w) or (n, c)."""
    return {
        "linear": lambda: x, "relu": lambda: F.relu(x), "sigmoid": lambda: torch.sigmoid(x),
        "tanh": lambda: torch.tanh(x),
        "leaky_relu": lambda: F.leaky_relu(x, layer["slope"]), "elu": lambda: F.elu(x, layer["alpha"]),
        "gelu": lambda: F.gelu(x), "silu": lambda: F.silu(x), "softmax": lambda: F.softmax(x, dim=1),
    }[layer["activation"]]()


def run_layer(layer, inputs, p, training, after):
    """One layer on (n, c, h, w) or (n, c) tensors; p: its parameters by name."""
    kind, x = layer["type"], inputs[0]
    if kind in ("conv", "maxpool", "avgpool"):
        if layer["same"]:
            (top, bottom), (left, right) = (same_pad(x.shape[2 + i], layer["size"][i], layer["stride"][i])
                                            for i in (0, 1))
        else:
            top, left, bottom, right = layer["pad"] or (0, 0, 0, 0)
        sides = (left, right, top, bottom)
    if kind == "conv":
        return F.conv2d(F.pad(x, sides), p["kernel"].permute(3, 2, 0, 1).contiguous(), p.get("bias"), layer["stride"],
                        groups=layer["groups"])
    if kind == "maxpool":
        return F.max_pool2d(F.pad(x, sides, value=-float("inf")), layer["size"], layer["stride"])
    if kind == "avgpool":  # the padding does not count
        ones = F.pad(torch.ones_like(x[:1, :1]), sides)
        return (F.avg_pool2d(F.pad(x, sides), layer["size"], layer["stride"])
                / F.avg_pool2d(ones, layer["size"], layer["stride"]))
    if kind == "dense":
        y = x @ p["kernel"]
        return y + p["bias"] if "bias" in p else y
    if kind == "flatten":
        return x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
    if kind == "globalavgpool":
        return x.mean(dim=(2, 3))
    if kind == "batchnorm":
        axes = (0, 2, 3) if x.dim() == 4 else (0,)
        shape = (1, -1, 1, 1) if x.dim() == 4 else (1, -1)
        mean, variance = p["moving_mean"], p["moving_variance"]
        if training:
            mean, variance = x.mean(axes), x.var(axes, unbiased=False)
            for name, value in (("moving_mean", mean), ("moving_variance", variance)):
                old = p[name]
                after[f"{layer['name']}.{name}"] = layer["momentum"] * old + (1 - layer["momentum"]) * value
        z = (x - mean.reshape(shape)) / torch.sqrt(variance.reshape(shape) + layer["epsilon"])
        return z * p["gamma"].reshape(shape) + p["beta"].reshape(shape)
    if kind == "prelu":
        return F.prelu(x, p["slope"])
    if kind == "add":
        return inputs[0] + inputs[1]
    if kind == "concat":
        return torch.cat(inputs, dim=1)
    return x  # an activation


def run(layers, x, parameters, training):
    """x is (n, h, w, c). Returns the output, what went into the last activation, and the statistics afterwards."""
    outputs, after = {layers[0]["name"]: x.permute(0, 3, 1, 2)}, {}
    for layer in layers[1:]:
        mine = {name.split(".")[1]: value for name, value in parameters.items() if name.split(".")[0] == layer["name"]}
        before = run_layer(layer, [outputs[name] for name in layer["inputs"]], mine, training, after)
        y = outputs[layer["name"]] = before if layer["activation"] == "prelu" else activate(layer, before)
    return tuple(t.permute(0, 2, 3, 1) if t.dim() == 4 else t for t in (y, before)) + (after,)


def step(kind, layers, given, dtype):
    """All tensors of a case, from x, the parameters and dy (kind network: labels)."""
    tensors = {name: torch.tensor(np.array(value), dtype=dtype) for name, value in given.items()}
    parameters = {name: value for name, value in tensors.items() if "." in name}
    watched = ["x"] + [name for name in parameters if not is_statistic(name)]
    for name in watched:
        tensors[name].requires_grad_()
    if any(layer["type"] == "batchnorm" for layer in layers):
        tensors["y_inference"] = run(layers, tensors["x"], parameters, False)[0]
    y, logits, after = run(layers, tensors["x"], parameters, True)
    tensors["y"] = y
    if kind == "network":
        logits.retain_grad()
        loss = -(tensors["labels"] * F.log_softmax(logits, dim=1)).sum(1).mean()
        loss.backward()
        tensors.update(logits=logits, loss=loss, dlogits=logits.grad)
    else:
        if "dy" not in tensors:
            tensors["dy"] = torch.tensor(single(given["random"].normal(0, 1, y.shape)), dtype=dtype)
        y.backward(tensors["dy"])
    tensors["dx"] = tensors["x"].grad
    tensors.update({"grad/" + name: tensors[name].grad for name in watched[1:]})
    tensors.update({"after/" + name: value for name, value in after.items()})
    return {name: value.detach().numpy() for name, value in tensors.items()}


def make(name, kind, batch, text):
    random, layers, shapes = random_for(name), parse(text), {}
    outputs = {layers[0]["name"]: torch.zeros((1,) + layers[0]["shape"]).permute(0, 3, 1, 2)}
    parameters = {}
    for layer in layers[1:]:  # a run on zeros, to learn the sizes
        inputs = [outputs[name] for name in layer["inputs"]]
        shapes = parameter_shapes(layer, inputs[0].shape[1], inputs[0].numel())
        mine = {key: single(draw_parameter(random, key, shape)) for key, shape in shapes.items()}
        parameters.update({f"{layer['name']}.{key}": value for key, value in mine.items()})
        mine = {key: torch.tensor(value, dtype=torch.float32) for key, value in mine.items()}
        outputs[layer["name"]] = run_layer(layer, inputs, mine, True, {})
    size = outputs[layers[-1]["name"]].shape
    given = dict(parameters, x=case_input(name, (batch,) + layers[0]["shape"], random))
    if kind == "network":
        given["labels"] = np.eye(size[1])[random.integers(0, size[1], batch)]
    else:
        size = (batch,) + (tuple(size[1:]) if len(size) == 2 else (size[2], size[3], size[1]))
        given["dy"] = single(random.normal(0, 1, size))
    tensors = step(kind, layers, given, torch.float64)
    return tensors, {"kind": kind, "model": text + "\n", "source": "pytorch", "made_by": MADE_BY}


# --- checking Keras's ------------------------------------------------------------------------------------------------


def loss_again(tensors, metadata):
    z = torch.tensor(tensors["logits"].astype(np.float64), requires_grad=True)
    labels = torch.tensor(tensors["labels"].astype(np.float64))
    smoothing, classes, head = float(metadata["label_smoothing"]), z.shape[1], metadata["head"]
    weights = 1
    if "class_weights" in tensors:
        weights = torch.tensor(tensors["class_weights"].astype(np.float64))[labels.argmax(1)]
    p = {"softmax": lambda: F.softmax(z, 1), "sigmoid": lambda: torch.sigmoid(z), "linear": lambda: z}[head]()
    if metadata["loss"] == "categorical_crossentropy":
        labels = labels * (1 - smoothing) + smoothing / classes
        each = -(labels * F.log_softmax(z, 1)).sum(1)
    elif metadata["loss"] == "binary_crossentropy":
        labels = labels * (1 - smoothing) + smoothing / 2
        if head == "sigmoid":
            each = -(labels * F.logsigmoid(z) + (1 - labels) * F.logsigmoid(-z)).mean(1)
        else:
            each = -(labels * torch.log(p) + (1 - labels) * torch.log(1 - p)).mean(1)
    else:
        each = ((p - labels) ** 2).mean(1)
    loss = (weights * each).mean()
    loss.backward()
    return {"loss": loss.detach().numpy(), "dlogits": z.grad.numpy()}


def optimizer_again(tensors, metadata):
    kind, *words = metadata["optimizer"].split()
    o = {"momentum": 0, "rho": 0.9, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "weight_decay": 0, "nesterov": 0,
         "clip_norm": np.inf}
    o.update({key: 1.0 if value == "yes" else float(value) for key, value in (word.split("=") for word in words)})
    w, m, lr, result = tensors["w0"].astype(np.float64), 0, o["lr"], {}
    v = 0.1 if kind == "adagrad" else 0
    for t in range(1, 6):
        g = tensors[f"g{t - 1}"].astype(np.float64)
        g = g * min(1, o["clip_norm"] / np.sqrt((g * g).sum()))
        w = w - lr * o["weight_decay"] * w
        if kind == "sgd":
            m = o["momentum"] * m - lr * g
            w = w + (o["momentum"] * m - lr * g if o["nesterov"] else m)
        elif kind in ("adagrad", "rmsprop"):
            v = v + g * g if kind == "adagrad" else o["rho"] * v + (1 - o["rho"]) * g * g
            w = w - lr * g / np.sqrt(v + o["epsilon"])
        else:
            m = o["beta1"] * m + (1 - o["beta1"]) * g
            v = o["beta2"] * v + (1 - o["beta2"]) * g * g
            alpha = lr * np.sqrt(1 - o["beta2"] ** t) / (1 - o["beta1"] ** t)
            w = w - alpha * m / (np.sqrt(v) + o["epsilon"])
        result[f"w{t}"] = w
    return result


def difference(tensors, again):
    """The largest error of any tensor, relative to the largest value in it (at least 1e-3)."""
    worst = 0, ""
    for name, value in again.items():
        if value.shape != tensors[name].shape:
            return float("inf"), name
        error = np.abs(value - tensors[name]).max() / max(np.abs(tensors[name]).max(), 1e-3)
        worst = max(worst, (float(error), name))
    return worst


def check(folder):
    failures = 0
    files = sorted(glob.glob(os.path.join(folder, "*.safetensors")))
    for path in files:
        tensors, metadata = read_safetensors(path)
        name = os.path.basename(path)[:-len(".safetensors")]
        if metadata["kind"] in ("layer", "activation", "network"):
            layers = parse(metadata["model"])
            given = {key: value for key, value in tensors.items()
                     if key in ("x", "dy", "labels") or ("." in key and "/" not in key)}
            doubles = step(metadata["kind"], layers, given, torch.float64)
            singles = step(metadata["kind"], layers, given, torch.float32)
            if set(doubles) != set(tensors):
                print(f"{name}: tensors {sorted(set(doubles) ^ set(tensors))} on one side only")
                failures += 1
                continue
            errors = [(difference(tensors, doubles), 1e-6), (difference(tensors, singles), 1e-4)]
        else:
            again = loss_again if metadata["kind"] == "loss" else optimizer_again
            errors = [(difference(tensors, again(tensors, metadata)), 1e-6)]
        for (error, where), limit in errors:
            if not error <= limit:
                print(f"{name}: {where} differs by {error:.2g}")
                failures += 1
    print(f"{len(files)} goldens checked, {failures} failures")
    return failures


def main():
    parser = arguments(__doc__)
    parser.add_argument("--check", action="store_true", help="check what is there instead of making files")
    args = parser.parse_args()
    if args.check:
        sys.exit(1 if check(args.out) else 0)
    for kind, cases in (("layer", LAYERS), ("network", NETWORKS)):
        for name, (batch, text) in cases.items():
            if name.startswith(args.only):
                tensors, metadata = make(name, kind, batch, text)
                write_safetensors(os.path.join(args.out, name + ".safetensors"), tensors, metadata)
                print(name)


if __name__ == "__main__":
    main()
