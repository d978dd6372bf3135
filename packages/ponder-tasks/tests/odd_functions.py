"""Functions for worker processes: good, bad and deadly ones."""

import os
import signal
import threading
import time

import torch
from torch import Tensor


class LocalTroubleError(Exception):
    """Cannot travel: it is pickled with too few arguments."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def squared(number: int) -> tuple[int, Tensor, int]:
    """Return the number, a tensor of its square, and how many threads there are."""
    return number, torch.full((1000,), number**2), torch.get_num_threads()


def odd(number: int) -> int:
    """Return a number, raise, or die, by what is asked for."""
    if number == 1:
        raise KeyError("position 1")
    if number == 2:
        raise LocalTroubleError("this", "that")
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        os._exit(7)
    if number == 5:
        os.kill(os.getpid(), signal.SIGBUS)
    return number


def slow(number: int) -> int:
    """Return the number after a long while."""
    time.sleep(60)
    return number


LOCK = threading.Lock()


def unsendable(number: int) -> object:
    """Return what cannot be sent."""
    return LOCK
