"""Memory that ran out is told from other errors, by errors that torch really raises."""

import pytest
import torch

from worker.triage import cause_of


def test_what_torch_says_when_the_host_has_no_memory_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**50)
    assert cause_of(raised.value) == "out_of_memory"


def test_other_errors_of_torch_and_of_python_are_crashes() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(2) @ torch.zeros(3)
    assert cause_of(raised.value) == "crash"
    assert cause_of(KeyError("out of memory")) == "crash"


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_errors_that_are_named_so_are_out_of_memory(error: Exception) -> None:
    assert cause_of(error) == "out_of_memory"
