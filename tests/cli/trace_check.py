#!/usr/bin/env python3
"""Takes the numbers out of a page of `silma trace` and computes them anew, by code that knows nothing of Silma's: the
outputs of every layer, the loss, gradients by difference quotients, the optimiser's step. Plain Python, no libraries.

    trace_check.py PAGE
"""
import base64
import json
import math
import re
import struct
import sys


def floats(text):
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def load(path):
    with open(path, encoding="utf-8") as file:
        page = file.read()
    data = json.loads(re.search(r'<script type="application/json" id="trace">(.*?)</script>', page, re.S).group(1))
    for layer in data["layers"]:
        for name in ("y", "dy", "dz", "factor"):
            if name in layer:
                layer[name] = floats(layer[name])
        for p in layer["parameters"]:
            p["values"] = floats(p["values"])
            if "gradient" in p:
                p["gradient"] = floats(p["gradient"])
    return data


def value(layer, name, moved):
    for p in layer["parameters"]:
        if p["name"] == name:
            return moved.get((layer["name"], name), p["values"])
    return None


def window(layer, shape, m, n):
    """The pixels of the window at (m, n): (row in the window, column in it, pixel)."""
    w = layer["window"]
    for i in range(w["size"][0]):
        for j in range(w["size"][1]):
            row, column = m * w["stride"][0] + i - w["pad"][0], n * w["stride"][1] + j - w["pad"][1]
            if 0 <= row < shape[0] and 0 <= column < shape[1]:
                yield i, j, row * shape[1] + column


def conv(layer, x, shape, moved):
    kernel, bias = value(layer, "kernel", moved), value(layer, "bias", moved)
    columns, (oh, ow, filters) = layer["window"]["size"][1], layer["out"]
    groups = layer["window"]["groups"]
    inputs, each = shape[2] // groups, filters // groups
    y = []
    for m in range(oh):
        for n in range(ow):
            pixels = list(window(layer, shape, m, n))
            for t in range(filters):
                first = t // each * inputs
                z = bias[t] if bias else 0.0
                for i, j, pixel in pixels:
                    for c in range(inputs):
                        z += x[pixel * shape[2] + first + c] * kernel[((i * columns + j) * inputs + c) * filters + t]
                y.append(z)
    return y


def dense(layer, x, moved):
    kernel, bias, units = value(layer, "kernel", moved), value(layer, "bias", moved), layer["out"][2]
    return [(bias[j] if bias else 0.0) + sum(x[i] * kernel[i * units + j] for i in range(len(x))) for j in range(units)]


def pool(layer, x, shape):
    combine = max if layer["rule"] == "maximum" else lambda values: sum(values) / len(values)
    return [combine([x[p * shape[2] + c] for _, _, p in window(layer, shape, m, n)])
            for m in range(layer["out"][0]) for n in range(layer["out"][1]) for c in range(shape[2])]


def normalise(layer, x, moved):
    gamma, beta, channels = value(layer, "gamma", moved), value(layer, "beta", moved), layer["out"][2]
    y = [0.0] * len(x)
    for c in range(channels):
        column = x[c::channels]
        mean = sum(column) / len(column)
        variance = sum((v - mean) ** 2 for v in column) / len(column)
        for k, v in enumerate(column):
            y[k * channels + c] = gamma[c] * (v - mean) / math.sqrt(variance + layer["epsilon"]) + beta[c]
    return y


def softmax(z):
    powers = [math.exp(v - max(z)) for v in z]
    return [p / sum(powers) for p in powers]


ACTIVATIONS = {
    "linear": lambda z: z,
    "relu": lambda z: max(0.0, z),
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "tanh": math.tanh,
    "gelu": lambda z: z / 2 * (1 + math.erf(z / math.sqrt(2))),
}


def apply(layer, outputs, shapes, moved):
    inputs = [outputs[k] for k in layer["inputs"]]
    x, shape = inputs[0], shapes[layer["inputs"][0]]
    if layer["type"] == "conv":
        return conv(layer, x, shape, moved)
    if layer["type"] == "dense":
        return dense(layer, x, moved)
    if layer["type"] in ("maxpool", "avgpool", "globalavgpool"):
        return pool(layer, x, shape)
    if layer["type"] == "batchnorm":
        return normalise(layer, x, moved)
    if layer["type"] == "dropout":
        return [v * f for v, f in zip(x, layer["factor"])]
    if layer["type"] == "add":
        return [sum(values) for values in zip(*inputs)]
    return list(x)  # flatten, activations


def forward(data, moved):
    layers, outputs = data["layers"], [list(data["layers"][0]["y"])]
    shapes = [layer["out"] for layer in layers]
    for layer in layers[1:]:
        z = apply(layer, outputs, shapes, moved)
        outputs.append([ACTIVATIONS[layer["activation"]](v) for v in z])
    return outputs


def loss(data, logits):
    targets = floats(data["loss"]["targets"])
    if data["loss"]["kind"] == "categorical_crossentropy":
        return -sum(y * math.log(r) for y, r in zip(targets, softmax(logits)) if y)
    z, y = logits[0], targets[0]
    return max(z, 0) - y * z + math.log1p(math.exp(-abs(z)))


def near(what, a, b, tolerance):
    scale = max(map(abs, a), default=0) or 1
    worst = max((abs(p - q) for p, q in zip(a, b)), default=0) / scale
    if len(a) != len(b) or not worst <= tolerance:
        sys.exit(f"{what}: differs by {worst:.2e} of the greatest value")


def step(o, w, g):
    """The first step of an optimiser, eq. 46 to 56 as docs/mathematics.md says."""
    g *= o["scale"]
    kind = o["text"].split()[0]
    start = w - o["rate"] * o["weight_decay"] * w
    if kind == "sgd":
        velocity = -o["rate"] * g
        return start + (o["momentum"] * velocity - o["rate"] * g if o["nesterov"] else velocity)
    if kind == "adagrad":
        return start - o["rate"] * g / math.sqrt(o["initial_accumulator"] + g * g + o["epsilon"])
    if kind == "rmsprop":
        return start - o["rate"] * g / math.sqrt((1 - o["rho"]) * g * g + o["epsilon"])
    rate = o["rate"] * math.sqrt(1 - o["beta2"]) / (1 - o["beta1"])
    return start - rate * (1 - o["beta1"]) * g / (math.sqrt((1 - o["beta2"]) * g * g) + o["epsilon"])


def check_gradients(data):
    """A few weights of each tensor, the chosen ones among them, by difference quotients."""
    count = 0
    for number, layer in enumerate(data["layers"]):
        for p in layer["parameters"]:
            if not p["trainable"]:
                continue
            chosen = {c["index"] for c in data["checks"] if c["layer"] == number and c.get("parameter") == p["name"]}
            if len(chosen) != 1:
                sys.exit(f"{layer['name']}.{p['name']} has {len(chosen)} checks")
            for index in chosen | {0, len(p["values"]) // 2, len(p["values"]) - 1}:
                h, sides = 1e-5, []
                for distance in (h, -h):
                    values = list(p["values"])
                    values[index] += distance
                    sides.append(loss(data, forward(data, {(layer["name"], p["name"]): values})[-1]))
                slope = (sides[0] - sides[1]) / (2 * h)
                if abs(slope - p["gradient"][index]) > 1e-5 * max(abs(slope), 1e-2):
                    sys.exit(f"{layer['name']}.{p['name']}[{index}]: {p['gradient'][index]}, numerically {slope}")
                count += 1
    return count


def main():
    data = load(sys.argv[1])
    outputs = forward(data, {})
    image = data["image"]
    pixels = base64.b64decode(image["pixels"])
    scale, shift, channels = floats(image["scale"]), floats(image["shift"]), data["layers"][0]["out"][2]
    near("input", [p * scale[i % channels] + shift[i % channels] for i, p in enumerate(pixels)], data["layers"][0]["y"],
         1e-6)
    for layer, y in zip(data["layers"], outputs):
        if "y" in layer:
            near(layer["name"], y, layer["y"], 1e-5)
    near("loss", [loss(data, outputs[-1])], [data["loss"]["value"]], 1e-5)
    count = check_gradients(data)
    for c in data["checks"]:
        if c["what"] == "weight":
            near(f"step of layer {c['layer']}", [c["after"]], [step(data["optimizer"], c["before"], c["analytic"])], 1e-6)
        if not c["kink"] and c["error"] > 1e-4:
            sys.exit(f"check {c} is off")
    print(f"{len(data['layers'])} layers, {count} gradients, {len(data['checks'])} checks agree")


main()
