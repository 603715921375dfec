"""Messages between parent and worker: JSON headers and raw arrays, a format that cannot execute.

A frame is two big-endian lengths (header: 4 bytes, body: 8 bytes), the header in UTF-8, and the body. The
header is `{"kind": str, "fields": {...}, "arrays": [[name, dtype, shape], ...]}`; the body holds the
arrays one after another, row-major and little-endian.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.records.frame import Arrays, Frame

PREFIX = struct.Struct(">IQ")
HEADER_LIMIT = 4 * 2**20  # bytes; the longest header is a task specification with its masks
DTYPES = {"float32": np.dtype("<f4"), "bool": np.dtype("?"), "uint8": np.dtype("u1")}
ReadExactly = Callable[[int], bytes]


class FrameError(ValueError):
    """The bytes are not a frame, or announce more than may be read."""


def encode(frame: Frame) -> list[bytes | memoryview]:
    """The frame's bytes, in pieces that need no copy of large arrays.

    Raises:
        FrameError: an array is not of `DTYPES`, or the header is too long.
    """
    described, body = [], []
    for name, array in frame.arrays.items():
        if str(array.dtype) not in DTYPES:
            raise FrameError(f"array '{name}' has dtype {array.dtype}, which no frame carries")
        contiguous = np.ascontiguousarray(array, dtype=DTYPES[str(array.dtype)])
        described.append([name, str(array.dtype), list(array.shape)])
        if contiguous.size:
            body.append(contiguous.reshape(-1).view(np.uint8).data)
    header = json.dumps({"kind": frame.kind, "fields": frame.fields, "arrays": described}, allow_nan=False).encode()
    if len(header) > HEADER_LIMIT:
        raise FrameError(f"the header has {len(header)} bytes, more than {HEADER_LIMIT}")
    return [PREFIX.pack(len(header), sum(map(len, body))), header, *body]


def decode(read_exactly: ReadExactly, body_limit: int) -> Frame:
    """Read one frame; nothing is allocated before its announced size is accepted.

    Args:
        read_exactly: returns exactly so many bytes, or raises.
        body_limit: most bytes that the arrays may take.

    Raises:
        FrameError: see above.
    """
    header_size, body_size = PREFIX.unpack(read_exactly(PREFIX.size))
    if header_size > HEADER_LIMIT or body_size > body_limit:
        raise FrameError(f"a frame of {header_size} + {body_size} bytes is too large")
    try:
        header = json.loads(read_exactly(header_size), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError("the header is not JSON") from error
    if not isinstance(header, dict) or header.keys() != {"kind", "fields", "arrays"}:
        raise FrameError("the header lacks a field")
    if not isinstance(header["kind"], str) or not isinstance(header["fields"], dict):
        raise FrameError("the header's kind or fields have the wrong type")
    body = read_exactly(body_size)
    return Frame(header["kind"], header["fields"], _split(header["arrays"], body))


def _split(described: Any, body: bytes) -> Arrays:
    arrays: dict[str, NDArray[Any]] = {}
    offset = 0
    for entry in described if isinstance(described, list) else [None]:
        if not isinstance(entry, list) or len(entry) != 3:
            raise FrameError("an array is not described by name, dtype and shape")
        name, dtype, shape = entry
        if not isinstance(name, str) or not isinstance(dtype, str) or dtype not in DTYPES:
            raise FrameError("an array has an unknown name or dtype")
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 4:
            raise FrameError("an array's shape is not a short list of natural numbers")
        size = math.prod(shape) * DTYPES[dtype].itemsize
        if offset + size > len(body):
            raise FrameError("the arrays are longer than the body")
        values = np.frombuffer(body, DTYPES[dtype], math.prod(shape), offset)
        arrays[name] = values.reshape(shape)
        offset += size
    if offset != len(body):
        raise FrameError("the body is longer than the arrays")
    return arrays


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
