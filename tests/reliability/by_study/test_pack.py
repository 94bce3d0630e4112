"""Sums that travel together come apart again, whatever they are."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from waistats.reliability.by_study._pack import Field, packs

BOUNDS = st.lists(st.integers(1, 2**30), min_size=1, max_size=6)


@given(st.data(), BOUNDS)
def test_packed_sums_come_apart(data, bounds):
    """The oracle is the sums themselves, in Python's whole numbers."""
    names = [f"f{i}" for i in range(len(bounds))]
    of = packs([Field(name=n, bound=b) for n, b in zip(names, bounds, strict=True)])
    assert of is not None
    assert [name for pack in of for name in pack.names] == names
    sums = [data.draw(st.sampled_from([-b, 0, b, b // 2, 1 - b])) for b in bounds]
    known = dict(zip(names, sums, strict=True))
    for pack in of:
        pairs = zip(pack.names, pack.units, strict=True)
        joint = sum(known[name] * unit for name, unit in pairs)
        assert abs(joint) < 2**53
        opened = pack.opened(np.array([float(joint)]))
        assert {name: int(v[0]) for name, v in opened.items()} == {
            name: known[name] for name in pack.names
        }


def test_a_sum_without_room_is_not_packed():
    assert packs([Field(name="a", bound=2**53)]) is None
    assert packs([Field(name="a", bound=1), Field(name="b", bound=2**53)]) is None
    (one,) = packs([Field(name="a", bound=2**53 - 1)]) or []
    assert one.opened(np.array([2.0**53 - 1]))["a"][0] == pytest.approx(2**53 - 1)
