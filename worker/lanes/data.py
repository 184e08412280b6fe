"""The text a run trains on: bytes as tokens, batches as a pure function of (data seed, update).

Array names: U updates, B windows a batch, S = context + 1 bytes of a window, W validation windows.
"""

import hashlib
import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]

_WORDS_PER_COUNT = 4  # one value of the 4x64 counter yields four words


class Corpus:
    """A text cut for one context length: its last ``held_out`` share validates, what is before it trains. Immutable.

    A window is ``context`` bytes of input and the byte that follows: its first ``context`` bytes are input, its
    last ``context`` bytes the targets. Raises ValueError, with the remedy, when a part is shorter than a window.
    """

    def __init__(self, text: bytes, *, context: int, val_windows: int = 64, held_out: float = 0.1) -> None:
        if not 0 < held_out < 1:
            raise ValueError(f"held_out: {held_out} is not a share; use more than 0 and less than 1")
        if val_windows < 1:
            raise ValueError(f"val_windows: {val_windows} windows validate nothing; use at least 1")
        tokens = np.frombuffer(text, dtype=np.uint8)
        split = len(tokens) - round(held_out * len(tokens))
        self.context = context
        self.held_out = held_out
        self.train: U8 = tokens[:split]
        self.validation: U8 = tokens[split:]
        need = context + 1
        if min(len(self.train), len(self.validation)) < need:
            enough = math.ceil((need + 1) / min(held_out, 1 - held_out))
            raise ValueError(
                f"corpus: {len(tokens)} bytes are {len(self.train)} to train and {len(self.validation)} to validate, "
                f"and context {context} needs {need} in each; give at least {enough} bytes, or a shorter context"
            )
        self.val_windows = val_windows
        self._text = text

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self._text).hexdigest()

    @property
    def cut(self) -> tuple[str, float, int, int]:
        """What decides the windows: the text's digest, the share held out, the context, the validation windows."""
        return self.digest, self.held_out, self.context, self.val_windows

    @cached_property
    def held_out_windows(self) -> U8:
        """The fixed validation windows [W, S], evenly spaced over the held-out tail; a short tail repeats some."""
        last = len(self.validation) - self.context - 1
        starts = np.linspace(0, last, self.val_windows).round().astype(np.int64)
        return _windows(self.validation, starts, self.context)

    def batches(self, data_seed: int, first_update: int, updates: int, batch_size: int) -> U8:
        """Return the training windows [U, B, S] of ``updates`` updates from ``first_update`` (from 1) on."""
        return _windows(self.train, self.starts(data_seed, first_update, updates, batch_size), self.context)

    def starts(self, data_seed: int, first_update: int, updates: int, batch_size: int) -> NDArray[np.int64]:
        """Return where in the training part the windows of ``batches`` start, [U, B].

        Windows start anywhere in the training part, drawn with replacement: words of the counter-based generator
        Philox 4x64 (Salmon et al. 2011), keyed by the seed and counted by the update, scaled to the range with a
        resolution of 2**-32. So nothing depends on which updates were drawn before.
        """
        assert first_update >= 1
        counts = math.ceil(batch_size / _WORDS_PER_COUNT)
        generator = np.random.Philox(key=data_seed, counter=(first_update - 1) * counts)
        words = generator.random_raw(updates * counts * _WORDS_PER_COUNT).reshape(updates, -1)[:, :batch_size]
        places = np.uint64(len(self.train) - self.context)
        return (((words >> np.uint64(32)) * places) >> np.uint64(32)).astype(np.int64)


def _windows(tokens: U8, starts: NDArray[np.int64], context: int) -> U8:
    windows: U8 = tokens[starts[..., None] + np.arange(context + 1)]
    return windows
