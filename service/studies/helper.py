"""The process in which Gaussian processes are fitted: `python -m service.studies.helper`; see `surrogate`."""

import json
import select
import sys
from typing import Any, TextIO

import optuna
from optuna.distributions import json_to_distribution
from optuna.samplers import GPSampler
from optuna.trial import TrialState

IDLE_SECONDS = 600.0


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The point that Optuna's GP sampler proposes next for the trials in a question."""
    distributions = {name: json_to_distribution(one) for name, one in question["distributions"].items()}
    sampler = GPSampler(seed=question["seed"], n_startup_trials=1, warn_independent_sampling=False)
    study = optuna.create_study(direction="minimize", sampler=sampler)
    for point, value in question["ended"]:
        study.add_trial(optuna.create_trial(params=point, distributions=distributions, value=value))
    for point in question["running"]:
        study.add_trial(optuna.create_trial(state=TrialState.RUNNING, params=point, distributions=distributions))
    return {"point": study.ask(distributions).params}


def main(source: TextIO, sink: TextIO) -> None:
    """Answer a question a line until the other side ends, or nothing was asked for a while."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    while select.select([source], [], [], IDLE_SECONDS)[0] and (line := source.readline()):
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        sink.write(json.dumps(reply) + "\n")
        sink.flush()


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
