"""Several sums of whole numbers in one sum of real numbers, exactly.

An engine spends its time on the number of sums, not on their size. With whole numbers
a and b and a base B above twice the size of any sum of a, the sum of a + B b holds
both: that of a is its remainder modulo B nearest to zero. A real number holds whole
numbers up to 2**53 exactly, and so does every step of a sum of them below that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from waistats._typing import FloatArray, IntArray

_ROOM = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A sum of whole numbers.

    Attributes
    ----------
    name : str
        What is summed.
    bound : int
        The largest size that the sum, or a part of it, can have.
    """

    name: str
    bound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Sums that travel as one.

    Attributes
    ----------
    names : tuple of str
        The sums.
    units : tuple of int
        What one of each counts in the joint sum: powers of two.
    """

    names: tuple[str, ...]
    units: tuple[int, ...]

    def opened(self, joint: FloatArray) -> dict[str, IntArray]:
        """Return the sums behind joint ones."""
        left = np.asarray(joint).astype(np.int64)
        found = {}
        for i, name in enumerate(self.names):
            if i + 1 == len(self.names):
                found[name] = left
                break
            base = self.units[i + 1] // self.units[i]
            found[name] = (left + base // 2) % base - base // 2
            left = (left - found[name]) // base
        return found


def packs(fields: Sequence[Field]) -> list[Pack] | None:
    """Return the packs that hold all sums, in their order; None where one is too large.

    Each pack takes as many of the next sums as there is room for.
    """
    found: list[Pack] = []
    names: list[str] = []
    units: list[int] = []
    total = 0
    for field in fields:
        unit = 1
        if names:
            # above twice what is below it, so that remainders tell all of it
            unit = 1 << (2 * total).bit_length()
        if names and total + field.bound * unit >= _ROOM:
            found.append(Pack(names=tuple(names), units=tuple(units)))
            names, units, total, unit = [], [], 0, 1
        if field.bound * unit >= _ROOM:
            return None
        names.append(field.name)
        units.append(unit)
        total += field.bound * unit
    if names:
        found.append(Pack(names=tuple(names), units=tuple(units)))
    return found
