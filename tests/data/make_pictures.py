#!/usr/bin/env python3
"""Writes the small pictures of tests/data/pictures in every format that is read, and expected.safetensors: what each
decodes to, as 8-bit pixels (height, width, channels).

PNG, BMP and PNM are written sample by sample and their expectation follows from the samples; Pillow must agree where it
gives 8 bits. JPEG is written by Pillow, and the expectation is what Pillow decodes. Needs Pillow 9.4 and NumPy.
"""
import glob
import io
import json
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures")
HEIGHT, WIDTH = 7, 11
EXPECTED = {}


def samples(channels, most, seed):
    """Steps, a slope, noise: (HEIGHT, WIDTH, channels) in 0..most, both ends included."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    values = np.random.default_rng(seed).integers(0, most + 1, (HEIGHT, WIDTH, channels))
    values[:, : WIDTH // 2, 0] = ((x + y) * most // (HEIGHT + WIDTH - 2))[:, : WIDTH // 2]
    values[0, 0], values[-1, -1] = 0, most
    return values


def to_bytes(values, most):
    """As the decoders round: half upwards."""
    return ((values.astype(np.int64) * 255 + most // 2) // most).astype(np.uint8)


def store(name, contents, expected):
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(contents)
    assert expected.dtype == np.uint8 and expected.ndim == 3
    EXPECTED[name] = expected


def pillow(contents, mode):
    picture = np.asarray(Image.open(io.BytesIO(contents)).convert(mode))
    return picture.reshape(picture.shape[:2] + (-1,))


def check(contents, expected, tolerance=0):
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[expected.shape[2]]
    assert np.abs(pillow(contents, mode).astype(int) - expected).max() <= tolerance


# PNG -----------------------------------------------------------------------------------------------------------------

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(row, bits):
    if bits == 16:
        return row.astype(">u2").tobytes()
    digits = "".join(f"{value:0{bits}b}" for value in row.reshape(-1))
    digits += "0" * (-len(digits) % 8)
    return bytes(int(digits[i:i + 8], 2) for i in range(0, len(digits), 8))


def scanlines(values, bits):
    """All but the first row by the filter `up`, which is defined on bytes."""
    above, lines = None, b""
    for row in values:
        line = np.frombuffer(pack(row, bits), np.uint8)
        lines += b"\0" + line.tobytes() if above is None else b"\2" + (line - above).tobytes()
        above = line
    return lines


def png(values, kind, bits, extra=b"", interlaced=False):
    passes = [values[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [values]
    data = b"".join(scanlines(part, bits) for part in passes if part.size)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, kind, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) +
            chunk(b"IEND", b""))


def store_png(name, kind, bits, transparent=False, interlaced=False, seed=0, extra=b""):
    most = (1 << bits) - 1
    values = samples(CHANNELS[kind], most, seed)
    expected = to_bytes(values, most)
    if transparent:  # the colour of the middle
        key = values[HEIGHT // 2, WIDTH // 2]
        extra += chunk(b"tRNS", key.astype(">u2").tobytes())
        alpha = np.where((values == key).all(axis=2), 0, 255).astype(np.uint8)
        expected = np.dstack((expected, alpha))
    contents = png(values, kind, bits, extra, interlaced)
    # Pillow finds a transparent colour at 8 bits only, gives grey of 16 bits as such, and drops other low bytes.
    if bits != 16 or kind != GREY:
        check(contents, expected if bits == 8 else expected[:, :, :CHANNELS[kind]], tolerance=bits == 16)
    store(name, contents, expected)


def store_palette(name, bits, transparent=False, interlaced=False):
    count = min(1 << bits, 40)
    values = samples(1, count - 1, bits)
    colours = np.random.default_rng(bits).integers(0, 256, (count, 3)).astype(np.uint8)
    extra, expected = chunk(b"PLTE", colours.tobytes()), colours[values[:, :, 0]]
    if transparent:
        alphas = np.full(256, 255, np.uint8)
        alphas[:2] = 0, 100
        extra += chunk(b"tRNS", alphas[:2].tobytes())
        expected = np.dstack((expected, alphas[values[:, :, 0]]))
    contents = png(values, PALETTE, bits, extra, interlaced)
    check(contents, expected)
    store(name, contents, expected)


def make_png():
    for bits in (1, 2, 4, 8, 16):
        store_png(f"grey{bits}.png", GREY, bits)
        store_png(f"grey{bits}-transparent.png", GREY, bits, transparent=True)
    for bits in (8, 16):
        store_png(f"rgb{bits}.png", COLOUR, bits)
        store_png(f"rgb{bits}-transparent.png", COLOUR, bits, transparent=True)
        store_png(f"grey-alpha{bits}.png", GREY_ALPHA, bits)
        store_png(f"rgba{bits}.png", COLOUR_ALPHA, bits)
    for bits in (1, 2, 4, 8):
        store_palette(f"palette{bits}.png", bits)
        store_palette(f"palette{bits}-transparent.png", bits, transparent=True)
    store_png("grey1-interlaced.png", GREY, 1, interlaced=True)
    store_png("rgb8-interlaced.png", COLOUR, 8, interlaced=True)
    store_png("rgba16-interlaced.png", COLOUR_ALPHA, 16, interlaced=True)
    store_palette("palette4-interlaced.png", 4, transparent=True, interlaced=True)
    texts = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"tEXt", b"Title\0a picture")
    store_png("rgb8-texts.png", COLOUR, 8, extra=texts)


# JPEG ----------------------------------------------------------------------------------------------------------------

ADOBE = b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0"  # and the transformation: 0 none, 1 YCbCr, 2 YCCK


def smooth(height, width, channels):
    y, x = np.mgrid[0:height, 0:width]
    planes = (x * 255 // (width - 1), y * 255 // (height - 1), (x + y) * 255 // (height + width - 2), (x * y) % 97)
    return np.dstack(planes[:channels]).astype(np.uint8)


def jpeg(values, mode, **options):
    file = io.BytesIO()
    picture = values[:, :, 0] if mode == "L" else values
    Image.fromarray(picture, mode).save(file, "JPEG", optimize=True, **options)
    return file.getvalue()


def segments(contents):
    """The marker segments before the first scan, each with its start and end."""
    at = 2
    while contents[at + 1] != 0xDA:
        end = at + 2 + struct.unpack(">H", contents[at + 2:at + 4])[0]
        yield contents[at + 1], at, end
        at = end


def without(contents, *markers):
    for marker, begin, end in reversed(list(segments(contents))):
        if marker in markers:
            contents = contents[:begin] + contents[end:]
    return contents


def exif(orientation, order):
    entry = struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0)
    other = struct.pack(order + "HHII", 0x100, 4, 1, 7)
    mark = b"II" if order == "<" else b"MM"
    tiff = mark + struct.pack(order + "HIH", 42, 8, 2) + other + entry + struct.pack(order + "I", 0)
    data = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def light(cmyk):
    """RGB of CMYK as light, 255 - ink."""
    values = cmyk.astype(int)
    return ((values[:, :, :3] * values[:, :, 3:] + 127) // 255).astype(np.uint8)


def make_jpeg():
    colour = smooth(HEIGHT, WIDTH, 3)
    base = jpeg(colour, "RGB", quality=95, subsampling=0)
    for name, contents in (("rgb.jpg", base),
                           ("subsampled.jpg", jpeg(smooth(19, 21, 3), "RGB", quality=85, subsampling=2)),
                           ("progressive.jpg", jpeg(smooth(19, 21, 3), "RGB", quality=85, progressive=True))):
        store(name, contents, pillow(contents, "RGB"))
    grey = jpeg(colour[:, :, 2:], "L", quality=90)
    store("grey.jpg", grey, pillow(grey, "L"))
    large = jpeg(smooth(64, 48, 1), "L", quality=80)
    store("large.jpg", large, pillow(large, "L"))

    untransformed = without(base, 0xE0)
    untransformed = untransformed[:2] + ADOBE + b"\0" + untransformed[2:]
    store("untransformed.jpg", untransformed, pillow(untransformed, "RGB"))

    # Pillow undoes Adobe's inversion whether or not the file is Adobe's, and gives ink.
    cmyk = jpeg(smooth(HEIGHT, WIDTH, 4), "CMYK", quality=95)
    ink = pillow(cmyk, "CMYK")
    store("cmyk-adobe.jpg", cmyk, light(255 - ink))
    plain = without(cmyk, 0xEE)
    assert (pillow(plain, "CMYK") == ink).all()
    store("cmyk.jpg", plain, light(ink))
    plain = without(cmyk, 0xEE)
    ycck = plain[:2] + ADOBE + b"\2" + plain[2:]
    store("ycck-adobe.jpg", ycck, light(255 - pillow(ycck, "CMYK")))

    bare = without(base, 0xE0)
    for orientation in range(1, 9):
        contents = bare[:2] + exif(orientation, "<>"[orientation % 2]) + bare[2:]
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(contents)))
        store(f"orientation{orientation}.jpg", contents, np.asarray(upright.convert("RGB")))
    # What makes no sense is passed over: no such orientation, and a directory beyond the segment's end.
    store("orientation9.jpg", bare[:2] + exif(9, "<") + bare[2:], pillow(bare, "RGB"))
    lost = exif(6, "<").replace(struct.pack("<HI", 42, 8), struct.pack("<HI", 42, 0xfffffff0))
    store("orientation-lost.jpg", bare[:2] + lost + bare[2:], pillow(bare, "RGB"))


# BMP -----------------------------------------------------------------------------------------------------------------


def bmp(rows, bits, palette=b"", header=40, compression=0, masks=b"", height=HEIGHT, used=0):
    """`rows`: bytes, the bottom one first, each padded here."""
    pixels = b"".join(row + b"\0" * (-len(row) % 4) for row in rows)
    if header == 12:
        fields = struct.pack("<IHHHH", 12, WIDTH, height, 1, bits)
    else:
        fields = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, compression, 0, 2835, 2835, used, 0)
        fields += masks
        fields += b"\0" * (header - len(fields))
    start = 14 + len(fields) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + fields + palette + pixels


def store_indexed(name, bits, grey=False, header=40):
    count = min(1 << bits, 30)
    values = samples(1, count - 1, bits)
    colours = np.random.default_rng(bits + 10).integers(0, 256, (count, 3)).astype(np.uint8)
    if grey:
        colours[:] = colours[:, :1]
    if header == 12:  # its palettes are full
        colours = np.vstack((colours, np.zeros(((1 << bits) - count, 3), np.uint8)))
    entry_end = b"" if header == 12 else b"\0"
    palette = b"".join(colour[::-1].tobytes() + entry_end for colour in colours)
    contents = bmp([pack(row, bits) for row in values[::-1]], bits, palette, header, used=0 if header == 12 else count)
    expected = colours[values[:, :, 0]]
    check(contents, expected)
    store(name, contents, expected[:, :, :1] if grey else expected)


def store_masked(name, bits, masks, header=40, compression=3, top_down=False):
    most = [mask // (mask & -mask) for mask in masks]
    values = np.dstack([samples(1, value, i)[:, :, 0] for i, value in enumerate(most)])
    words = sum(values[:, :, i].astype(np.uint64) * (mask & -mask) for i, mask in enumerate(masks))
    rows = [row.astype("<u2" if bits == 16 else "<u4").tobytes() for row in words.astype(np.uint64)]
    order = rows if top_down else rows[::-1]
    stored = struct.pack(f"<{len(masks)}I", *masks) if compression else b""
    contents = bmp(order, bits, header=header, compression=compression, masks=stored,
                   height=-HEIGHT if top_down else HEIGHT)
    expected = np.dstack([to_bytes(values[:, :, i:i + 1], value) for i, value in enumerate(most)])
    store(name, contents, expected)
    return contents, expected


def make_bmp():
    for bits in (1, 4, 8):
        store_indexed(f"palette{bits}.bmp", bits)
    store_indexed("grey8.bmp", 8, grey=True)
    store_indexed("core4.bmp", 4, header=12)
    colour = samples(3, 255, 0).astype(np.uint8)
    for name, order, height in (("rgb24.bmp", -1, HEIGHT), ("rgb24-top-down.bmp", 1, -HEIGHT)):
        contents = bmp([row[:, ::-1].tobytes() for row in colour[::order]], 24, height=height)
        check(contents, colour)
        store(name, contents, colour)
    check(*store_masked("rgb16.bmp", 16, (0x7c00, 0x3e0, 0x1f), compression=0), tolerance=1)
    check(*store_masked("rgb16-565.bmp", 16, (0xf800, 0x7e0, 0x1f)), tolerance=1)
    check(*store_masked("rgb32.bmp", 32, (0xff0000, 0xff00, 0xff), compression=0))
    store_masked("rgb32-10bit.bmp", 32, (0x3ff00000, 0xffc00, 0x3ff))
    store_masked("rgba32.bmp", 32, (0xff0000, 0xff00, 0xff, 0xff000000), header=124)
    store_masked("rgba16-top-down.bmp", 16, (0xf00, 0xf0, 0xf, 0xf000), header=56, top_down=True)


# PNM -----------------------------------------------------------------------------------------------------------------


def store_pnm(name, kind, most):
    plain, channels = kind <= 3, 3 if kind in (3, 6) else 1
    values = samples(channels, most, kind)
    header = f"P{kind}\n# a comment\n{WIDTH} # another\n\t{HEIGHT}\n" + ("" if kind in (1, 4) else f"{most}\n")
    stored = 1 - values if kind in (1, 4) else values  # 1 is black
    if plain:
        between = "" if kind == 1 else " "
        pixels = "\n".join(between.join(str(value) for value in row.reshape(-1)) for row in stored).encode() + b"\n"
    elif kind == 4:
        pixels = b"".join(pack(row, 1) for row in stored)
    else:
        pixels = stored.astype(">u2" if most > 255 else np.uint8).tobytes()
    expected = to_bytes(values, most)
    contents = header.encode() + pixels
    if most in (1, 255):
        check(contents, expected)
    store(name, contents, expected)


def make_pnm():
    store_pnm("plain-bits.pbm", 1, 1)
    store_pnm("plain-grey.pgm", 2, 255)
    store_pnm("plain-grey16.pgm", 2, 65535)
    store_pnm("plain-colour.ppm", 3, 9)
    store_pnm("bits.pbm", 4, 1)
    store_pnm("grey.pgm", 5, 255)
    store_pnm("grey6.pgm", 5, 63)
    store_pnm("grey16.pgm", 5, 65535)
    store_pnm("colour.ppm", 6, 255)
    store_pnm("colour12.ppm", 6, 4095)


def write_expected():
    header, data = {}, b""
    for name, values in sorted(EXPECTED.items()):
        header[name] = {"dtype": "U8", "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + values.size]}
        data += values.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(FOLDER, "expected.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


os.makedirs(FOLDER, exist_ok=True)
for path in glob.glob(os.path.join(FOLDER, "*")):
    os.remove(path)
make_png()
make_jpeg()
make_bmp()
make_pnm()
write_expected()
