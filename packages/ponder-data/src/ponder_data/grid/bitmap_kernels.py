"""Compiled loops over a bitmap of a grid's cells, by Numba (extra ``cpu``).

Kept apart because importing it imports numba. ``no_type_check`` keeps run-time type checkers, which wrap functions,
away from what numba must compile. One thread each, with Python's lock released. Loops that look up memory at random
do one thing each: the processor then has more of the looks-up under way.

``words[w]`` holds the cells ``64 w`` to ``64 w + 63`` as bits, and beside them the number of occupied cells before.
"""

from typing import no_type_check

import numpy as np
from numba import njit

_ONE = np.uint64(1)
_ODD_BITS = np.uint64(0x5555555555555555)
_ODD_PAIRS = np.uint64(0x3333333333333333)
_ODD_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)
_EACH_BYTE = np.uint64(0x0101010101010101)


@njit(cache=True, inline="always")
@no_type_check
def _ones(word):
    """Bits that are set; the compiler knows this sum by halves as one instruction."""
    word = word - ((word >> _ONE) & _ODD_BITS)
    word = (word & _ODD_PAIRS) + ((word >> np.uint64(2)) & _ODD_PAIRS)
    word = (word + (word >> np.uint64(4))) & _ODD_NIBBLES
    return (word * _EACH_BYTE) >> np.uint64(56)


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def mark_cells(coord, side, lowest, steps, words, number):
    """Write the number of every point's cell and set its bit; divided and floored in float64, as by PyTorch.

    Args:
        coord: ``3 * points``, one point after the other.
        side: of a cell along (x, y, z), repeated: a block of coordinates is divided by it at a time.
        lowest: occupied cell along (x, y, z), repeated alike.
        steps: from one cell's number to the next along x and along y.
        words: zeros, whose bits are set.
        number: to be filled.
    """
    points, block = number.shape[0], side.shape[0] // 3
    place = np.empty(3 * block, np.float64)
    for start in range(0, points, block):
        length = min(block, points - start)
        part = coord[3 * start : 3 * (start + length)]
        for j in range(3 * length):
            place[j] = np.floor(np.float64(part[j]) / side[j]) - lowest[j]
        for i in range(length):
            # Whole numbers far below 2^53, exact in float64.
            number[start + i] = np.int64(
                place[3 * i] * steps[0] + place[3 * i + 1] * steps[1] + place[3 * i + 2]
            )
        for cell in number[start : start + length]:
            words[cell >> 6, 0] |= _ONE << np.uint64(cell & 63)


@njit(cache=True, nogil=True)
@no_type_check
def count_before(words):
    """Write beside each word how many cells before it are occupied; return how many are in all."""
    total = np.uint64(0)
    for w in range(words.shape[0]):
        words[w, 1] = total
        total += _ones(words[w, 0])
    return np.int64(total)


@njit(cache=True, nogil=True)
@no_type_check
def rank_cells(words, number):
    """Replace the number of each point's cell by its place among the occupied ones."""
    for i in range(number.shape[0]):
        cell = number[i]
        below = words[cell >> 6, 0] & ((_ONE << np.uint64(cell & 63)) - _ONE)
        number[i] = np.int64(words[cell >> 6, 1] + _ones(below))


@njit(cache=True, nogil=True)
@no_type_check
def count_points(inverse, count):
    """Add the points of every cell to ``count``."""
    for cell in inverse:
        count[cell] += 1


@njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def list_cells(words, ny, nz, grid_coord):
    """Write (x, y, z) of the occupied cells in order, for a grid of ``ny`` by ``nz`` cells at each x."""
    row = x = y = column = 0
    for w in range(words.shape[0]):
        word = words[w, 0]
        while word != 0:
            lowest_bit = word & (~word + _ONE)
            cell = (w << 6) + np.int64(_ones(lowest_bit - _ONE))
            word ^= lowest_bit
            # The next few columns are reached by steps, those far off by division.
            if cell - column >= 8 * nz:
                x, y = cell // nz // ny, cell // nz % ny
                column = cell // nz * nz
            while cell - column >= nz:
                column += nz
                y += 1
                if y == ny:
                    x, y = x + 1, 0
            grid_coord[row, 0], grid_coord[row, 1], grid_coord[row, 2] = x, y, cell - column
            row += 1


@njit(cache=True, nogil=True)
@no_type_check
def pick_points(inverse, count, share, index):
    """Write for every cell the point with ``int(share * count)`` points of the cell before it."""
    for cell in range(index.shape[0]):
        index[cell] = -1 - np.int64(share[cell] * count[cell])
    # Negative: how many points of the cell, this one included, are still to come.
    for i in range(inverse.shape[0]):
        cell = inverse[i]
        left = index[cell]
        passed = left + 1 if left < -1 else left
        index[cell] = i if left == -1 else passed


@njit(cache=True, nogil=True)
@no_type_check
def sort_points(inverse, free, order):
    """Write the points in the order of their cells; ``free`` is the first place of each cell, then the next free."""
    for i in range(inverse.shape[0]):
        order[free[inverse[i]]] = i
        free[inverse[i]] += 1
