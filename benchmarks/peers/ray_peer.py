"""Ray Tune: a grid over the configurations, each trial with a share of a core.

    python -m benchmarks.peers.ray_peer SWEEP SHARE

Actors are reused, so that torch is imported once for each and not for every trial; Ray's own loggers (CSV, JSON,
TensorBoard), its dashboard and its usage statistics are off; it listens on the loopback address only.
"""

import os
import sys
import tempfile

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # despite its name: the node's address is that of loopback
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}

import ray
import torch
from ray import tune

from benchmarks.peers.outcome import Outcome, now
from benchmarks.peers.plain import Trials
from benchmarks.peers.sweep import Sweep

_trials: list[Trials] = []


def trainable(config: dict[str, object]) -> None:
    """One trial; what a process needs once it keeps for the next trial that it is given."""
    if not _trials:
        torch.set_num_threads(1)
        _trials.append(Trials(Sweep.of_json(str(config["sweep"]))))
    tune.report({"val_loss": _trials[0].train(int(str(config["number"])))})


def main(text: str, share: float) -> None:
    sweep = Sweep.of_json(text)
    with tempfile.TemporaryDirectory(prefix="ray-") as directory:  # Ray's sockets need a short path
        ray.init(num_cpus=sweep.cores, include_dashboard=False, log_to_driver=False, _temp_dir=directory)
        try:
            ready = now()
            results = tune.Tuner(
                tune.with_resources(trainable, {"cpu": share}),
                param_space={"sweep": text, "number": tune.grid_search(list(range(sweep.trials)))},
                tune_config=tune.TuneConfig(reuse_actors=True),
                run_config=tune.RunConfig(storage_path=sweep.directory, name="peers", verbose=0),
            ).fit()
            done = now()
            losses = {
                result.config["number"]: result.metrics["val_loss"]
                for result in map(results.__getitem__, range(len(results)))
            }
        finally:
            ray.shutdown()
    Outcome(ready=ready, done=done, losses=[losses[number] for number in range(sweep.trials)]).tell()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
