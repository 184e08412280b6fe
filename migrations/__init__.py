"""The one tree of schema migrations, for SQLite and PostgreSQL alike."""
