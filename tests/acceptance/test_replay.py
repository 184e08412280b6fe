"""`rampline replay`: a run of a real sweep trained again alone."""

from tests.acceptance.running import Up, wait_for_end
from tests.acceptance.test_cli import answer, rampline
from tests.acceptance.test_first_sweep import SWEEP

SPACE = {"schedule": ["linear"], "warmup_steps": [5, 10], "peak_lr": [1e-3]}


def test_a_run_of_the_product_is_what_plain_pytorch_trains(up: Up) -> None:
    sweep = up.client.submit(SWEEP | {"name": "to-replay", "replicates": 1, "space": SPACE})
    wait_for_end(up.client, sweep.id)
    best = up.client.best(sweep.id).trial
    run = best.runs[0]
    assert f"rampline replay {run.id}" in rampline(up, "best", str(sweep.id)).stdout
    shown = rampline(up, "replay", str(run.id))
    assert shown.returncode == 0, shown.stderr
    assert f"Run {run.id} (trial {best.number} of sweep {sweep.id}, linear, seed 0): completed." in shown.stdout
    assert "Trained again alone for 30 of its 30 updates with torch.nn, torch.optim.Adam" in shown.stdout
    assert "the same at every update, exactly" in shown.stdout
    assert "what is left is the rounding" in shown.stdout
    found = answer(rampline(up, "replay", str(run.id), "--updates", "20", "--json"))
    assert (found["run_id"], found["updates"], found["same_rates"], found["parts_at"]) == (run.id, 20, True, None)
    assert 0 <= found["loss_difference"] <= found["tolerance"] == 1e-5
