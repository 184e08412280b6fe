"""Optuna: `study.optimize` with the plain loop, in this process or in several on one SQLite storage.

    python -m benchmarks.peers.optuna_peer SWEEP PROCESSES

The configurations are enqueued, so that the same ones are trained as everywhere. Each of several processes takes its
part of the trials: with a shared count they would train one more for each process.
"""

import sys
from multiprocessing import get_context

import optuna
import torch
from optuna.storages import RDBStorage

from benchmarks.peers.outcome import Outcome, now
from benchmarks.peers.plain import Trials
from benchmarks.peers.sweep import Sweep

STUDY = "peers"


def main(text: str, processes: int) -> None:
    sweep = Sweep.of_json(text)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _storage(sweep)
    study = optuna.create_study(storage=storage, study_name=STUDY)
    for number in range(sweep.trials):
        study.enqueue_trial({"configuration": number})
    if processes == 1:
        ready = optimize(text, sweep.trials)
    else:
        counts = [len(range(index, sweep.trials, processes)) for index in range(processes)]
        with get_context("spawn").Pool(processes) as pool:
            ready = min(pool.starmap(optimize, [(text, count) for count in counts], chunksize=1))
    done = now()
    losses = {trial.params["configuration"]: trial.value for trial in study.get_trials() if trial.value is not None}
    Outcome(ready=ready, done=done, losses=[losses[number] for number in range(sweep.trials)]).tell()
    storage.engine.dispose()


def optimize(text: str, count: int) -> float:
    """Train so many of the study's trials; returns when the first began."""
    sweep = Sweep.of_json(text)
    torch.set_num_threads(sweep.threads)
    trials = Trials(sweep)
    study = optuna.load_study(study_name=STUDY, storage=_storage(sweep))
    ready = now()
    study.optimize(
        lambda trial: trials.train(trial.suggest_int("configuration", 0, sweep.trials - 1)), n_trials=count, n_jobs=1
    )
    return ready


def _storage(sweep: Sweep) -> RDBStorage:
    return RDBStorage(f"sqlite:///{sweep.directory}/optuna.db", engine_kwargs={"connect_args": {"timeout": 60}})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
