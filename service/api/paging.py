"""What lists have in common: pages, and numbers that the database can hold."""

from typing import Annotated

from fastapi import Path, Query

from service.wire.names import PRINTABLE

BIGGEST = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=BIGGEST)]
Cursor = Annotated[int | None, Query(ge=0, le=BIGGEST, description="`next_cursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]
NameQuery = Annotated[str | None, Query(min_length=1, max_length=120, pattern=PRINTABLE)]
