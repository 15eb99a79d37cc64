#!/usr/bin/env python3
"""Writes the tiny IDX data set tests/data/idx: 5 training and 3 test images of 4x3 bytes, 3 classes, by gzip.

Pixel p of image i is (37 i + 11 p) mod 256; the label of image i is 2 i mod 3.
"""
import gzip
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "idx")


def write(name, shape, values):
    contents = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values)
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(gzip.compress(contents, mtime=0))


for prefix, count in (("train", 5), ("t10k", 3)):
    pixels = [(37 * i + 11 * p) % 256 for i in range(count) for p in range(12)]
    write(f"{prefix}-images-idx3-ubyte.gz", (count, 4, 3), pixels)
    write(f"{prefix}-labels-idx1-ubyte.gz", (count,), [2 * i % 3 for i in range(count)])
