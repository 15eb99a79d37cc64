"""A data set of noise in IDX files, so that `silma train` has as much to read as with Fashion-MNIST."""
import os
import struct

SIDE = 28


def write_part(folder, part, count):
    with open(folder / f"{part}-images-idx3-ubyte", "wb") as file:
        file.write(struct.pack(">IIII", 0x803, count, SIDE, SIDE) + os.urandom(count * SIDE * SIDE))
    with open(folder / f"{part}-labels-idx1-ubyte", "wb") as file:
        file.write(struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count)))


def write_idx(folder, count):
    folder.mkdir()
    write_part(folder, "train", count)
    write_part(folder, "t10k", 10)
