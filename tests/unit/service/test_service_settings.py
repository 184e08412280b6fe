"""Settings: where things are when nothing is said, and when something is."""

from pathlib import Path

import pytest

from service.settings import Settings


def test_everything_lies_in_the_data_directory_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path}/rampline.db"
    assert settings.optuna == f"sqlite:///{tmp_path}/optuna.db"
    assert (settings.artifacts, settings.corpora) == (tmp_path / "artifacts", tmp_path / "corpora")
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize("options", ["", "?options=-csearch_path%3Delsewhere"])
def test_optuna_gets_a_schema_of_its_own_in_the_same_postgresql(options: str) -> None:
    settings = Settings(database_url=f"postgresql://me:secret@db:5432/rampline{options}")
    assert settings.optuna == "postgresql://me:secret@db:5432/rampline?options=-csearch_path%3Doptuna"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAMPLINE_PORT", "9000")
    monkeypatch.setenv("RAMPLINE_OPTUNA_URL", "sqlite:///elsewhere.db")
    monkeypatch.setenv("RAMPLINE_MLFLOW_URL", "http://mlflow:5000")
    settings = Settings()
    assert (settings.port, settings.optuna, settings.mlflow_public) == (
        9000,
        "sqlite:///elsewhere.db",
        "http://mlflow:5000",
    )
