"""INSERT with ON CONFLICT, which both databases spell alike and SQLAlchemy keeps in their dialects."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.store.tables import Base


def insert(session: Session, kind: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the session's database that can say what to do where there is such a row already."""
    return sqlite.insert(kind) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(kind)
