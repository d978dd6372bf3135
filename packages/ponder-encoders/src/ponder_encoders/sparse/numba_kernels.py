"""Fused CPU kernels of sparse convolution: gather, multiply and add, block by block, in cache.

Kept apart because importing it imports numba. ``no_type_check`` keeps run-time type checkers, which wrap
functions, away from what numba must compile. Rows are float32 and contiguous; missing neighbours hold the
number of cells.
"""

from typing import no_type_check

import numpy as np
from numba import njit, prange


@njit(parallel=True, cache=True)
@no_type_check
def find_neighbours(keys, column_steps, block, rows):
    """Fill ``rows[i, k]`` with the row of the neighbour of cell ``i`` at offset ``k``, or the number of cells.

    Cells of a block are sorted, and so are their neighbours in one z-column: after one binary search for the first,
    a pointer only ever moves forward.

    Args:
        keys: sorted.
        column_steps: what to add to a cell's key for the lowest cell of each z-column of the kernel.
        block: cells that a thread works on at a time.
        rows: ``(cells, columns * height)``, to be filled.
    """
    cells, columns = keys.shape[0], column_steps.shape[0]
    height = rows.shape[1] // columns
    for index in prange((cells + block - 1) // block):
        start, stop = index * block, min(cells, (index + 1) * block)
        for column in range(columns):
            pointer = np.searchsorted(keys, keys[start] + column_steps[column])
            for cell in range(start, stop):
                wanted = keys[cell] + column_steps[column]
                while pointer < cells and keys[pointer] < wanted:
                    pointer += 1
                ahead = pointer
                for level in range(height):
                    hit = ahead < cells and keys[ahead] == wanted + level
                    rows[cell, column * height + level] = ahead if hit else cells
                    ahead += hit


@njit(cache=True, inline="always")
@no_type_check
def _gather(source, neighbours, offset, start, stop, buffer, positions):
    # Collect the rows of the neighbours that exist, and which cells of the block they belong to.
    count = 0
    for cell in range(start, stop):
        row = neighbours[cell, offset]
        if row < source.shape[0]:
            for channel in range(source.shape[1]):
                buffer[count, channel] = source[row, channel]
            positions[count] = cell
            count += 1
    return count


@njit(cache=True, inline="always")
@no_type_check
def _add_rows(rows, positions, count, result):
    for entry in range(count):
        cell = positions[entry]
        for channel in range(rows.shape[1]):
            result[cell, channel] += rows[entry, channel]


@njit(parallel=True, fastmath=True, cache=True)
@no_type_check
def forward(features, weight, neighbours, block, result):
    """``result[i] = sum_k features[neighbours[i, k]] @ weight[k]``; threads own blocks of cells."""
    cells, volume = neighbours.shape
    inputs, outputs = weight.shape[1], weight.shape[2]
    centre = volume // 2
    for index in prange((cells + block - 1) // block):
        start, stop = index * block, min(cells, (index + 1) * block)
        gathered = np.empty((block, inputs), np.float32)
        product = np.empty((block, outputs), np.float32)
        positions = np.empty(block, np.int32)
        np.dot(features[start:stop], weight[centre], result[start:stop])
        for offset in range(volume):
            if offset == centre:
                continue
            count = _gather(features, neighbours, offset, start, stop, gathered, positions)
            if count == 0:
                continue
            np.dot(gathered[:count], weight[offset], product[:count])
            _add_rows(product, positions, count, result)


@njit(parallel=True, fastmath=True, cache=True)
@no_type_check
def backward(gradient, features, weight_transposed, neighbours, block, needs, to_features, to_weight):
    """Gradients of :func:`forward`, from one gather of the output's gradient.

    By the kernel's point symmetry, cell ``i`` is the neighbour at the mirrored offset of its own neighbour
    at ``k``: so what cell ``i`` receives is again a sum over its neighbours, and no two threads add to the
    same row.

    Args:
        gradient: of the result.
        features: the forward pass's input.
        weight_transposed: ``weight[k].T`` for each offset.
        neighbours: the forward pass's table.
        block: cells worked on at a time.
        needs: whether to fill ``to_features``, and ``to_weight``.
        to_features: receives the gradient of the features.
        to_weight: zeros ``(parts, volume, inputs, outputs)``: one sum for each thread, to be added up
            afterwards.
    """
    cells, volume = neighbours.shape
    inputs, outputs = features.shape[1], gradient.shape[1]
    blocks, parts = (cells + block - 1) // block, to_weight.shape[0]
    for part in prange(parts):
        gathered = np.empty((block, outputs), np.float32)
        own = np.empty((block, inputs), np.float32)
        product = np.empty((block, inputs), np.float32)
        outer = np.empty((inputs, outputs), np.float32)
        positions = np.empty(block, np.int32)
        for index in range(part * blocks // parts, (part + 1) * blocks // parts):
            start, stop = index * block, min(cells, (index + 1) * block)
            if needs[0]:
                to_features[start:stop] = 0
            for offset in range(volume):
                mirrored = volume - 1 - offset
                count = _gather(gradient, neighbours, offset, start, stop, gathered, positions)
                if count == 0:
                    continue
                if needs[0]:
                    np.dot(gathered[:count], weight_transposed[mirrored], product[:count])
                    _add_rows(product, positions, count, to_features)
                if needs[1]:
                    for entry in range(count):
                        cell = positions[entry]
                        for channel in range(inputs):
                            own[entry, channel] = features[cell, channel]
                    np.dot(own[:count].T, gathered[:count], outer)
                    for row in range(inputs):
                        for channel in range(outputs):
                            to_weight[part, mirrored, row, channel] += outer[row, channel]


@njit(parallel=True, fastmath=True, cache=True)
@no_type_check
def product(source, weight, rows, block, result):
    """``result[i] = sum_k source[rows[i, k]] @ weight[k]``, whatever the rows; threads own blocks of results."""
    results, volume = rows.shape
    inputs, outputs = weight.shape[1], weight.shape[2]
    for index in prange((results + block - 1) // block):
        start, stop = index * block, min(results, (index + 1) * block)
        gathered = np.empty((block, inputs), np.float32)
        products = np.empty((block, outputs), np.float32)
        positions = np.empty(block, np.int32)
        result[start:stop] = 0
        for offset in range(volume):
            count = _gather(source, rows, offset, start, stop, gathered, positions)
            if count > 0:
                np.dot(gathered[:count], weight[offset], products[:count])
                _add_rows(products, positions, count, result)


@njit(parallel=True, fastmath=True, cache=True)
@no_type_check
def outer(source, other, rows, block, result):
    """``result[:, k] = sum_i outer(source[rows[i, k]], other[i])``, one sum for each thread, to be added up.

    Args:
        source: what is gathered.
        other: one row for each row of ``rows``.
        rows: rows of ``source``, or their number where there is none.
        block: rows worked on at a time.
        result: zeros ``(parts, volume, inputs, outputs)``.
    """
    count_all, volume = rows.shape
    inputs, outputs = source.shape[1], other.shape[1]
    blocks, parts = (count_all + block - 1) // block, result.shape[0]
    for part in prange(parts):
        gathered = np.empty((block, inputs), np.float32)
        own = np.empty((block, outputs), np.float32)
        outer_product = np.empty((inputs, outputs), np.float32)
        positions = np.empty(block, np.int32)
        for index in range(part * blocks // parts, (part + 1) * blocks // parts):
            start, stop = index * block, min(count_all, (index + 1) * block)
            for offset in range(volume):
                count = _gather(source, rows, offset, start, stop, gathered, positions)
                if count == 0:
                    continue
                for entry in range(count):
                    for channel in range(outputs):
                        own[entry, channel] = other[positions[entry], channel]
                np.dot(gathered[:count].T, own[:count], outer_product)
                for row in range(inputs):
                    for channel in range(outputs):
                        result[part, offset, row, channel] += outer_product[row, channel]
