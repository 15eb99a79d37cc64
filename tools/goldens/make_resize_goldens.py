#!/usr/bin/env python3
"""Makes tests/data/resize/pillow.safetensors with Pillow: what silma_picture_prepare must give.

    make_resize_goldens.py [--out tests/data/resize/pillow.safetensors]

Tensors, all U8: "NAME" is a picture (height, width, channels), with 1 to 4 channels (grey; grey, alpha; RGB; RGB, alpha).
"NAME POLICY" is the image that it becomes (height, width, 1 or 3) by BILINEAR; several sizes of one policy are told apart
by a number behind it. The background is BACKGROUND. Metadata: "source".
"""
import argparse
import json
import os
import struct

import numpy as np
import PIL
from PIL import Image, ImageOps

BACKGROUND = (200, 90, 30)
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def scene(height, width, channels, seed):
    """Slopes, hard edges, thin lines and noise; transparent in a disc and a slope where there is an alpha channel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    colours = []
    for c in range(3):
        plane = 120 + 100 * np.sin((x * (c + 1) + 2 * y) / 17.0) + rng.normal(0, 12, (height, width))
        plane[height // 4:height // 2, width // 5:width // 2] = 40 + 90 * c
        plane[:, width * 2 // 3] = 255 - 100 * c
        plane[height * 3 // 4] = 20 * c
        colours.append(plane)
    alpha = np.clip(300.0 * x / width, 0, 255)
    alpha[(y - height / 2) ** 2 + (x - width / 3) ** 2 < (min(height, width) / 5) ** 2] = 0
    planes = colours[:1] if channels < 3 else colours
    if channels % 2 == 0:
        planes = planes + [alpha]
    pixels = np.clip(np.stack(planes, -1) + 0.5, 0, 255).astype(np.uint8)
    return pixels


def picture(pixels):
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def prepare(pixels, policy, height, width, channels):
    image = picture(pixels)
    if image.mode == "L":
        image = image.convert("RGB")
    if image.mode == "LA":
        image = image.convert("RGBA")
    y = x = 0
    if policy == "crop":
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    else:
        h, w = height, width
        if policy == "fit":
            scale = min(height / image.height, width / image.width)
            h, w = max(1, int(image.height * scale + 0.5)), max(1, int(image.width * scale + 0.5))
            y, x = (height - h) // 2, (width - w) // 2
        image = image.resize((w, h), Image.Resampling.BILINEAR)
    result = Image.new("RGB", (width, height), BACKGROUND)
    if image.mode == "RGBA":
        under = Image.new("RGBA", image.size, BACKGROUND + (255,))
        image = Image.alpha_composite(under, image).convert("RGB")
    result.paste(image, (x, y))
    return np.asarray(result.convert(MODES[channels])).reshape(height, width, channels)


PICTURES = {
    "colours": scene(45, 60, 3, 1),
    "grey": scene(60, 35, 1, 2),
    "transparent": scene(61, 47, 4, 3),
    "transparent grey": scene(33, 40, 2, 4),
    "tiny": scene(7, 9, 3, 5),
    "line": scene(1, 200, 3, 6),
}
SIZES = {
    "colours": [(32, 32, 3), (28, 28, 1), (44, 59, 3), (45, 60, 1), (20, 70, 3), (5, 3, 3)],
    "grey": [(28, 28, 1), (32, 32, 3), (66, 40, 1)],
    "transparent": [(32, 32, 3), (24, 40, 1), (30, 23, 3)],
    "transparent grey": [(16, 16, 1), (20, 20, 3)],
    "tiny": [(32, 32, 3), (8, 20, 1)],
    "line": [(8, 8, 3), (1, 1, 3)],
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="tests/data/resize/pillow.safetensors")
    path = parser.parse_args().out
    tensors = dict(PICTURES)
    for name, sizes in SIZES.items():
        for policy in ("stretch", "fit", "crop"):
            for number, size in enumerate(sizes):
                tensors[f"{name} {policy}{number}"] = prepare(PICTURES[name], policy, *size)
    header, data = {"__metadata__": {"source": f"Pillow {PIL.__version__}"}}, b""
    for name in sorted(tensors):
        raw = tensors[name].tobytes()
        header[name] = {"dtype": "U8", "shape": list(tensors[name].shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    main()
