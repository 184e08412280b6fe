"""Changes to a sweep that is to be copied, by field."""

import copy
from collections.abc import Mapping
from typing import Any


def changed(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A sweep's mapping with other values: `trials`, or after the first dot a part: `space.optimizer.betas`.

    Whether the result means anything is for its validation to say.
    """
    result = copy.deepcopy(dict(content))
    for name, value in changes.items():
        field, dot, part = name.partition(".")
        if not dot:
            result[field] = value
        else:
            whole = result.get(field)
            result[field] = {**(whole if isinstance(whole, dict) else {}), part: value}
    return result
