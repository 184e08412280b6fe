"""The Optuna studies: one for each sweep. The only package that imports Optuna.

The study is what users see; our rows are what the queue needs, and what samplers learn from. See
`docs/decisions/0005` and `docs/decisions/0020`.
"""

from service.studies.records import Result
from service.studies.studies import MOST_REPEATED, Studies

__all__ = ["MOST_REPEATED", "Result", "Studies"]
