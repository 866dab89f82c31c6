"""Networks run by LiteRT: it starts in a fifth of a second, and its answer does not depend on the batch."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 4
"""Pictures read at a time, always: memory is set up once, and stays in cache. In larger batches each takes as
long, and the last is filled up with more."""


class LiteRT:
    """A network of one input, pictures n x height x width, and one output, n x anything.

    Raises `ValueError` or `RuntimeError` where LiteRT refuses the content.
    """

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=content, num_threads=1)
        (taken,), (given,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._input, self._output = int(taken["index"]), int(given["index"])
        self._shape = tuple(int(n) for n in taken["shape"][1:3])
        self._answer = tuple(int(n) for n in given["shape"][1:])
        with no_stderr():
            self._interpreter.resize_tensor_input(self._input, [AT_ONCE, *self._shape, 1])
            self._interpreter.allocate_tensors()

    def __call__(self, pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """One answer a picture; n may be 0."""
        answers = [self._run(pictures[start : start + AT_ONCE]) for start in range(0, len(pictures), AT_ONCE)]
        return np.concatenate(answers) if answers else np.zeros((0, *self._answer), np.float32)

    def _run(self, pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        batch = np.zeros((AT_ONCE, *self._shape, 1), np.float32)
        batch[: len(pictures), ..., 0] = pictures
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output)[: len(pictures)], np.float32)


@contextmanager
def no_stderr() -> Iterator[None]:
    """LiteRT and TensorFlow greet on stderr, from C++ and with no switch for it: cron would mail that."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
