"""GraphQL as MLflow's pages speak it: which fields a query asks for, with what."""

import re
from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, VariableNode, parse
from graphql.language import DocumentNode, FragmentDefinitionNode

from service.door.asked import Asked
from service.errors import BadRequestError, ForbiddenError

# The fields of the schema's root that ask for runs and experiments by their ids.
FIELDS = frozenset(
    {
        "mlflowGetExperiment",
        "mlflowGetMetricHistoryBulkInterval",
        "mlflowGetRun",
        "mlflowListArtifacts",
        "mlflowSearchRuns",
    }
)
_LONGEST = 20_000
_MOST_TOKENS = 2_000
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def asked_by(body: Mapping[str, Any]) -> list[Asked]:
    """What each field of a query asks for; as the pages write them, every input is one variable.

    Raises:
        BadRequestError: it is not a query of that form.
        ForbiddenError: it asks for a field that is not open.
    """
    query, variables = body.get("query"), body.get("variables") or {}
    if not isinstance(query, str) or len(query) > _LONGEST or not isinstance(variables, dict):
        raise _malformed("a query has to be a short text, and its variables an object")
    try:
        document = parse(query, no_location=True, max_tokens=_MOST_TOKENS)
    except (GraphQLError, RecursionError) as error:
        raise _malformed("it is not GraphQL") from error
    return [_input_of(field, variables) for field in _roots(document)]


def _roots(document: DocumentNode) -> list[FieldNode]:
    operations = [one for one in document.definitions if not isinstance(one, FragmentDefinitionNode)]
    if len(operations) != 1 or not isinstance(operations[0], OperationDefinitionNode):
        raise _malformed("it has to be one query")
    operation = operations[0]
    if operation.operation is not OperationType.QUERY:
        raise ForbiddenError("changing something through GraphQL is not open here")
    if any(variable.default_value is not None for variable in operation.variable_definitions):
        raise _malformed("variables with a default value are not taken")
    fields = [one for one in operation.selection_set.selections if isinstance(one, FieldNode)]
    if len(fields) != len(operation.selection_set.selections):
        raise _malformed("its outermost fields have to be named")
    return [field for field in fields if field.name.value != "__typename"]


def _input_of(field: FieldNode, variables: Mapping[str, Any]) -> Asked:
    name = field.name.value
    if name not in FIELDS:
        raise ForbiddenError(f"the field {name} is not open here; open are {', '.join(sorted(FIELDS))}")
    value = field.arguments[0].value if len(field.arguments) == 1 else None
    given = variables.get(value.name.value) if isinstance(value, VariableNode) else None
    if not isinstance(given, dict):
        raise _malformed(f"the input of {name} has to be one variable")
    snake = {_CAPITAL.sub(r"_\1", key).lower(): one for key, one in given.items()}
    if len(snake) != len(given):
        raise _malformed("a name is given twice")
    return Asked.of_fields(snake)


def _malformed(problem: str) -> BadRequestError:
    return BadRequestError(f"the query cannot be read: {problem}; send it as MLflow's pages do")
