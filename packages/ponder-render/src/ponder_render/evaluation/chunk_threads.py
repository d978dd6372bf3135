"""Chunks side by side: each on a thread of its own, its operations on that one thread.

PyTorch divides every single operation between its threads. Operations of the size of a cache gain little from that,
whole chunks of them gain nearly all. Results come in the order of the chunks and do not depend on the number of
threads, to the last bit.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Sequence[Item], device: torch.device) -> Iterator[Result]:
    """``work(item)`` for each item in turn, without gradient.

    On a CPU, as many are computed at once as PyTorch has threads (``torch.set_num_threads``), and at most one more
    waits to be taken: memory is bounded. Elsewhere, where each operation fills the device, they run one by one.
    """

    def without_gradient(item: Item) -> Result:
        with torch.no_grad():
            return work(item)

    workers = min(torch.get_num_threads(), len(items)) if device.type == "cpu" else 1
    if workers < 2:
        yield from map(without_gradient, items)
        return
    pool, ahead = _pool(torch.get_num_threads()), deque[Future[Result]]()
    for item in items:
        if len(ahead) > workers:
            yield ahead.popleft().result()
        ahead.append(pool.submit(without_gradient, item))
    while ahead:
        yield ahead.popleft().result()


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads whose operations have one thread each."""
    pool = ThreadPoolExecutor(threads, "ponder-chunk", initializer=_use_one_thread)
    # All start now, because what each of them sets holds for itself and for threads to come, which should have more.
    started = Barrier(threads)
    list(pool.map(lambda _: started.wait(), range(threads)))
    torch.set_num_threads(threads)
    return pool


def _use_one_thread() -> None:
    # The first question makes this thread take the number of all others, which would else undo the setting.
    torch.get_num_threads()
    torch.set_num_threads(1)


# Threads do not live on in a forked process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
