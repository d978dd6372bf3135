"""Values full of tensors as one block, and back."""

import hypothesis.extra.numpy as arrays
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from points_dataset import assert_same, sequence_of
from ponder_tasks.packing import ALIGNMENT, pack, unpack

DTYPES = st.sampled_from(["float32", "float64", "int64", "int32", "uint8", "bool", "float16"])
ARRAYS = DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0)))


@settings(max_examples=50, deadline=None)
@given(st.lists(ARRAYS, max_size=5))
def test_tensors_of_any_shape_and_type_come_back(values):
    tensors = tuple(torch.from_numpy(value) for value in values)
    packed = pack({"tensors": tensors, "words": ("a", 1)})
    back = unpack(packed)
    assert back["words"] == ("a", 1)
    for before, after in zip(tensors, back["tensors"], strict=True):
        assert after.dtype == before.dtype
        assert after.shape == before.shape
        assert after.numpy().tobytes() == before.numpy().tobytes()
    assert all(start % ALIGNMENT == 0 for start in packed.starts)


def test_a_sample_comes_back_whole():
    prepared = sequence_of().prepare(0)
    assert_same(unpack(pack(prepared)).sample, prepared.sample)


def test_what_comes_back_lies_in_the_block_and_can_be_changed():
    packed = pack((torch.arange(10), torch.ones(4)))
    first, _ = unpack(packed)
    first += 1  # warns where memory may not be written
    again, _ = unpack(packed)
    assert again.tolist() == list(range(1, 11))


def test_views_and_shared_tensors_are_packed_by_their_values():
    whole = torch.arange(12.0).reshape(3, 4)
    column, shared = unpack(pack((whole[:, 1], (whole, whole))))
    assert column.tolist() == [1.0, 5.0, 9.0]
    assert torch.equal(shared[0], whole)
    assert len(pack((whole, whole)).lengths) == 1, "what is there twice is packed once"
