import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zfbench.records.frame import Frame
from zfbench.sandbox.frames import HEADER_LIMIT, PREFIX, FrameError, decode, encode


class Wire:
    """Bytes that can be read once."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[int] = []

    def __call__(self, size: int) -> bytes:
        self.asked.append(size)
        piece, self.data = self.data[:size], self.data[size:]
        if len(piece) < size:
            raise EOFError
        return piece


def raw(header: object, body: bytes = b"") -> Wire:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return Wire(PREFIX.pack(len(text), len(body)) + text + body)


arrays = st.dictionaries(
    st.text(max_size=5),
    st.sampled_from([np.float32, np.bool_]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
    ),
    max_size=3,
)


@given(arrays)
def test_a_frame_arrives_as_it_was_sent(sent):
    wire = Wire(b"".join(bytes(piece) for piece in encode(Frame("kind", {"x": [1, "é"]}, sent))))
    frame = decode(wire, 10_000)
    assert (frame.kind, frame.fields, wire.data) == ("kind", {"x": [1, "é"]}, b"")
    assert frame.arrays.keys() == sent.keys()
    for name, array in sent.items():
        assert frame.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(frame.arrays[name], array)


def test_a_transposed_array_arrives_in_its_own_order():
    sent = np.arange(6, dtype=np.float32).reshape(2, 3).T
    frame = decode(Wire(b"".join(map(bytes, encode(Frame("k", arrays={"a": sent}))))), 100)
    np.testing.assert_array_equal(frame.arrays["a"], sent)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, object])
def test_other_dtypes_are_not_sent(dtype):
    with pytest.raises(FrameError, match="dtype"):
        encode(Frame("k", arrays={"a": np.zeros(2, dtype)}))


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"\xff\xfe", b""),
        (b"[" * 100_000, b""),
        (b'{"kind": "k", "fields": {"x": NaN}, "arrays": []}', b""),
        ([], b""),
        ({"kind": "k", "fields": {}}, b""),
        ({"kind": 1, "fields": {}, "arrays": []}, b""),
        ({"kind": "k", "fields": [], "arrays": []}, b""),
        ({"kind": "k", "fields": {}, "arrays": 3}, b""),
        ({"kind": "k", "fields": {}, "arrays": []}, b"1234"),
        ({"kind": "k", "fields": {}, "arrays": [["a", "float32", [2]]]}, b"1234"),
        ({"kind": "k", "fields": {}, "arrays": [["a", "float32", [-1]]]}, b"1234"),
        ({"kind": "k", "fields": {}, "arrays": [["a", "float32", [True]]]}, b"1234"),
        ({"kind": "k", "fields": {}, "arrays": [["a", "float32", [1, 1, 1, 1, 1]]]}, b"1234"),
        ({"kind": "k", "fields": {}, "arrays": [["a", "object", [1]]]}, b"12345678"),
        ({"kind": "k", "fields": {}, "arrays": [["a", "float32"]]}, b"1234"),
    ],
)
def test_what_is_not_a_frame_is_refused(header, body):
    with pytest.raises(FrameError):
        decode(raw(header, body), 1_000)


@pytest.mark.parametrize(("header", "body"), [(HEADER_LIMIT + 1, 0), (2, 1_001), (2, 2**63)])
def test_sizes_beyond_the_limit_are_refused_before_anything_is_read(header, body):
    wire = Wire(PREFIX.pack(header, body))
    with pytest.raises(FrameError, match="too large"):
        decode(wire, 1_000)
    assert wire.asked == [PREFIX.size]
