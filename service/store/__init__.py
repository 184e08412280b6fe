"""Rampline's database: engine and session scopes, tables, clock, migrations."""
