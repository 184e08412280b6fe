"""That a column holds one of some ids, of which there may be hundreds.

`column.in_(ids)` becomes a statement of its own for every number of ids, as long as they are many: to write it and to
read it again costs the service more than the query costs the database.
"""

import json
from collections.abc import Collection
from typing import Any, Self

from sqlalchemy import BigInteger, Boolean, Dialect, String, bindparam, func, select
from sqlalchemy import column as named
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override


class _Ids(TypeDecorator[Collection[int]]):
    """Numbers as one bound value: an array on PostgreSQL, JSON on SQLite, which has none."""

    impl = String
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else ARRAY(BigInteger()))

    @override
    def process_bind_param(self, value: Collection[int] | None, dialect: Dialect) -> Any:
        ids = sorted(value or ())
        return json.dumps(ids) if dialect.name == "sqlite" else ids


class _Among(GenericFunction[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True

    @override
    def self_group(self, against: OperatorType | None = None) -> Self:
        """Stay as it is: SQLite, which has no booleans, would else be asked whether this `= 1`, and use no index."""
        return self


def among(column: InstrumentedAttribute[int], ids: Collection[int] | str) -> _Among:
    """The condition that a column holds one of some ids, or of those that a statement is given under a name."""
    return _Among(column, bindparam(ids, type_=_Ids()) if isinstance(ids, str) else bindparam(None, ids, _Ids()))


@compiles(_Among, "postgresql")
def _any(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(_Among, "sqlite")
def _in(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = element.clauses
    return compiler.process(column.in_(select(named("value")).select_from(func.json_each(ids))), **options)
