"""Dropout whose masks are a pure function of the run's seed, the update and the place.

Words come from SplitMix64 (Steele, Lea & Flood 2014): output n of a seed is a hash of seed + n * gamma, so any word is
had without those before it. An update's own seed is that output of the run's seed whose number is the update's; its
words, four values of 16 bits each, lie along the sites and the positions of the model. Hence a mask depends on nothing
else: not on the lane's row, its neighbours, or what was drawn before.

Tensor names: K lanes, M values of a lane at one site, W words of a lane at one site, U updates.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_GAMMA, _MIX1, _MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_VALUES_PER_WORD = 4
_LEVELS = 1 << 16


@dataclass(frozen=True)
class Dropout:
    """Dropout of K lanes in one update (Srivastava et al. 2014), each lane at a rate of its own, which may be 0.

    ``seeds_K`` (int64) are those of the update, as ``update_seeds`` gives them; ``rates_K`` (float32) in [0, 1), which
    are met to 2**-16. What is kept is scaled by 1 / (1 - rate).
    """

    seeds_K: Tensor
    rates_K: Tensor

    def __call__(self, x_K: Tensor, site: int) -> Tensor:
        """Return x [K, ...] with values dropped; sites count from 0 and are equally large in all lanes."""
        values = math.prod(x_K.shape[1:])
        words_KW = _words(self.seeds_K, site, math.ceil(values / _VALUES_PER_WORD))
        values_KM = words_KW.view(torch.int16)[:, :values]
        least_K1 = (self.rates_K * _LEVELS).round().clamp(max=_LEVELS - 1).sub(_LEVELS // 2).to(torch.int16)[:, None]
        # measured: in place a comparison is vectorized, and takes a fifth of the time of one that makes booleans
        factors_KM = values_KM.ge_(least_K1).float().mul_((1 / (1 - self.rates_K))[:, None])
        return x_K * factors_KM.view_as(x_K)


def update_seeds(seed: int, first_update: int, updates: int) -> NDArray[np.int64]:
    """Return the seeds [U] of ``updates`` updates from ``first_update`` (from 1) on of a run of this seed."""
    numbers_U = np.arange(first_update, first_update + updates, dtype=np.uint64)
    state_U = np.uint64(seed) + numbers_U * np.uint64(_GAMMA)
    state_U = (state_U ^ (state_U >> np.uint64(30))) * np.uint64(_MIX1)
    state_U = (state_U ^ (state_U >> np.uint64(27))) * np.uint64(_MIX2)
    return (state_U ^ (state_U >> np.uint64(31))).view(np.int64)


def _words(seeds_K: Tensor, site: int, words: int) -> Tensor:
    """Return the outputs [K, W] of each seed that belong to a site."""
    numbers_W = torch.arange(1 + site * words, 1 + (site + 1) * words, device=seeds_K.device)
    state_KW = seeds_K[:, None] + numbers_W.mul_(_signed(_GAMMA))
    _fold(state_KW, 30).mul_(_signed(_MIX1))
    _fold(state_KW, 27).mul_(_signed(_MIX2))
    return _fold(state_KW, 31)


def _fold(state_KW: Tensor, shift: int) -> Tensor:
    """Xor the state with itself, shifted right; torch's shift of a signed word copies the sign, which is cut off."""
    return state_KW.bitwise_xor_((state_KW >> shift).bitwise_and_((1 << (64 - shift)) - 1))


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
