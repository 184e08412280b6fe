"""Graphs: one update of a fixed number of lanes, captured on the GPU once and launched again for every update.

A launch costs the host microseconds where the update's hundreds of kernels cost milliseconds. A captured update reads
and writes the same memory every time, so what differs lies in buffers: they are filled for many updates at once, and
the update counts on the device which of them it is. The host waits once, for the results at the end of a stretch.

Tensor names: K lanes, N floats of a row, U updates, B batch, S = context + 1 bytes of a window, C coefficients.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from worker.lanes.dropout import Dropout
from worker.lanes.feed import Stretch
from worker.lanes.optimizer import N_COEFFICIENTS
from worker.lanes.program import Program

log = logging.getLogger(__name__)

UPDATES = 32  # that the buffers hold
_WARM_UPS = 3  # as torch's notes on CUDA graphs advise: libraries choose and set up their kernels in the first calls

Launch = Callable[[], None]
Capture = Callable[[Launch], Launch]


class Graphs:
    """A program whose updates run as graphs of 1, 2, 4, ... lanes: the smallest that holds all that train.

    The lanes beyond them are not alive, and stay as they are. ``evaluate`` is the program's own. On a GPU a lane's
    rounding depends on the size of its graph, so it changes within the stated tolerance where the batch shrinks.
    """

    def __init__(self, program: Program, capture: Capture) -> None:
        self.evaluate = program.evaluate
        self._program = program
        self._capture = capture
        self._graphs: dict[tuple[int, bool], _Graph] = {}
        self._rows_address = 0

    def advance(self, rows_3KN: Tensor, alive_K: Tensor, stretch: Stretch) -> Tensor:
        """Apply the stretch's updates to its lanes, which lie in the first rows; see ``Program.advance``."""
        if self._rows_address != rows_3KN.data_ptr():
            self._graphs.clear()
            self._rows_address = rows_3KN.data_ptr()
        lanes = size_for(stretch.lanes, rows_3KN.shape[1])
        kind = (lanes, stretch.drops)
        if kind not in self._graphs:
            self._graphs[kind] = _Graph(self._program, rows_3KN[:, :lanes], stretch.drops, self._capture)
        return self._graphs[kind].advance(alive_K, stretch)


def size_for(lanes: int, capacity: int) -> int:
    """Return how many lanes the graph has that trains so many: the next power of two, at most the capacity."""
    return min(capacity, 1 << (lanes - 1).bit_length())


class Capturing:
    """Captures updates on one GPU. Its graphs share their working memory, since none keeps anything in it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream | None = None

    def __call__(self, update: Launch) -> Launch:
        """Return what launches the update as a graph, or the update itself where it cannot be captured.

        It is called a few times first, so it must do no harm then. Raises torch.OutOfMemoryError.
        """
        with torch.cuda.device(self._device):
            if self._stream is None:
                new_stream: Callable[[], torch.cuda.Stream] = torch.cuda.Stream
                self._stream, self._pool = new_stream(), torch.cuda.graph_pool_handle()
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UPS):
                    update()
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                    update()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                log.warning("updates are launched kernel by kernel, since they cannot be captured: %s", error)
                return update
        replay: Launch = graph.replay
        return replay


class _Graph:
    """An update of K lanes in given rows, and the buffers that it reads and writes."""

    def __init__(self, program: Program, rows_3KN: Tensor, drops: bool, capture: Capture) -> None:
        lanes, shape, device = rows_3KN.shape[1], program.shape, rows_3KN.device
        self._program = program
        self._rows_3KN = rows_3KN
        self._drops = drops
        windows_KBS = (lanes, shape.batch_size, shape.context + 1)
        self._windows_UKBS = torch.zeros(UPDATES, *windows_KBS, dtype=torch.uint8, device=device)
        self._table_UCK = torch.zeros(UPDATES, N_COEFFICIENTS, lanes, device=device)
        self._seeds_UK = torch.zeros(UPDATES, lanes, dtype=torch.int64, device=device)
        self._dropout_K = torch.zeros(lanes, device=device)
        self._alive_K = torch.zeros(lanes, dtype=torch.bool, device=device)
        self._results_U2K = torch.zeros(UPDATES, 2, lanes, device=device)
        self._u_1 = torch.zeros(1, dtype=torch.int64, device=device)
        self._launch = capture(self._update)  # with no lane alive: whatever is called here leaves the rows alone

    def advance(self, alive_K: Tensor, stretch: Stretch) -> Tensor:
        """Apply a stretch and return its results; ``alive_K`` is the state of all lanes, and is brought up to date."""
        n = stretch.lanes
        self._alive_K.zero_()
        self._alive_K[:n] = alive_K[:n]
        self._dropout_K[:n] = stretch.dropout_K
        pinned = self._rows_3KN.is_cuda
        results_U2K = torch.empty(stretch.updates, 2, n, pin_memory=pinned)
        for first in range(0, stretch.updates, UPDATES):
            last = min(first + UPDATES, stretch.updates)
            self._windows_UKBS[: last - first, :n] = stretch.windows_UKBS[first:last]
            self._table_UCK[: last - first, :, :n] = stretch.table_UCK[first:last]
            self._seeds_UK[: last - first, :n] = stretch.seeds_UK[first:last]
            self._u_1.zero_()
            for _ in range(first, last):
                self._launch()
            results_U2K[first:last].copy_(self._results_U2K[: last - first, :, :n], non_blocking=True)
        alive_K[:n] = self._alive_K[:n]
        if pinned:
            _wait(self._rows_3KN.device)
        return results_U2K.transpose(0, 1)

    def _update(self) -> None:
        results_2K = self._program.update(
            self._rows_3KN,
            self._alive_K,
            windows_KBS=self._windows_UKBS.index_select(0, self._u_1)[0],
            table_CK=self._table_UCK.index_select(0, self._u_1)[0],
            dropout=Dropout(self._seeds_UK.index_select(0, self._u_1)[0], self._dropout_K) if self._drops else None,
        )
        self._results_U2K.index_copy_(0, self._u_1, results_2K[None])
        self._u_1.add_(1)


def _wait(device: torch.device) -> None:
    """Wait until the device has done all that it was asked for so far."""
    new_event: Callable[[], torch.cuda.Event] = torch.cuda.Event
    with torch.cuda.device(device):
        event = new_event()
        event.record()
        event.synchronize()
