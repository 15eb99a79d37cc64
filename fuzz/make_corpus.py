#!/usr/bin/env python3
"""Writes the first inputs of the fuzz targets into fuzz/corpus: a small good file of each kind, and its neighbours."""
import gzip
import json
import os
import struct

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def store(target, name, contents):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(contents)


def idx(shape, values):
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values)


def idx_pair(labels, images, compressed=False):
    if compressed:
        labels, images = gzip.compress(labels, mtime=0), gzip.compress(images, mtime=0)
    return struct.pack("<BH", compressed, len(labels)) + labels + images


def tensors(header, data=b""):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


LABELS, IMAGES = idx((2,), (3, 1)), idx((2, 2, 3), range(12))
store("idx", "plain", idx_pair(LABELS, IMAGES))
store("idx", "gzip", idx_pair(LABELS, IMAGES, compressed=True))
store("idx", "huge", idx_pair(LABELS, IMAGES[:4] + b"\xff" * 12))
store("idx", "bad-label", idx_pair(idx((2,), (3, 10)), IMAGES))
store("cifar", "ten", b"\0" + b"\7" + bytes(i % 256 for i in range(3072)))
store("cifar", "hundred", b"\1" + b"\x13\x63" + bytes(i % 256 for i in range(3072)))
store("cifar", "bad-label", b"\0" + b"\x0a" + bytes(3072))
store("safetensors", "none", tensors({}))
store("safetensors", "two", tensors(
    {"__metadata__": {"text": "dense 2"},
     "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
     "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}}, bytes(11)))
store("safetensors", "empty-tensor", tensors({"e": {"dtype": "I64", "shape": [0, 4], "data_offsets": [0, 0]}}))
store("safetensors", "hole", tensors({"b": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, bytes(2)))
