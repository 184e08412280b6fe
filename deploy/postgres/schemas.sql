-- One schema each: the three keep their Alembic versions in tables of the same name.
CREATE SCHEMA IF NOT EXISTS rampline;
CREATE SCHEMA IF NOT EXISTS optuna;
CREATE SCHEMA IF NOT EXISTS mlflow;
