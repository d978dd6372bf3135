import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ponder_data.prepared.packing import pack, unpack


def bits(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values).tobytes()


@settings(deadline=None)
@given(arrays(np.float32, st.integers(0, 20), elements=st.floats(width=32, allow_nan=True)))
def test_any_floats_come_back_bit_for_bit(values: np.ndarray) -> None:
    again = unpack(pack(values))
    assert again.dtype == values.dtype
    assert bits(again) == bits(values)


@settings(deadline=None)
@given(arrays(np.int64, st.integers(0, 20), elements=st.integers(-(2**40), 2**40)))
def test_any_integers_come_back(values: np.ndarray) -> None:
    again = unpack(pack(values))
    assert again.dtype == values.dtype
    assert bits(again) == bits(values)


def test_colours_of_8_bits_take_one_byte() -> None:
    colors = np.arange(256, dtype=np.uint8).astype(np.float32) / np.float32(255)
    packed = pack(colors)
    assert (packed.packing, packed.values.nbytes) == ("bytes", 256)
    assert bits(unpack(packed)) == bits(colors)


def test_depth_in_millimetres_takes_two_bytes() -> None:
    depth = np.arange(0, 65536, 7, dtype=np.uint16).astype(np.float32) / np.float32(1000)
    packed = pack(depth)
    assert (packed.packing, packed.values.dtype) == ("millimetres", np.uint16)
    assert bits(unpack(packed)) == bits(depth)


@pytest.mark.parametrize("odd", [0.1234567, -0.0, np.nan, np.inf, 66.0])
def test_one_odd_number_keeps_all_as_they_are(odd: float) -> None:
    depth = np.array([1.0, 2.0, odd], dtype=np.float32)
    assert pack(depth).packing == "plain"


def test_labels_take_one_byte_with_their_minus_one() -> None:
    assert pack(np.array([-1, 0, 19])).values.dtype == np.int8
    assert pack(np.array([0, 200])).values.dtype == np.uint8
