"""Settings of the service, read from the environment (prefix RAMPLINE_) or given by the caller."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from service.domain.fairness import Policy
from service.logs import LogFormat

MLFLOW_DOOR = "/mlflow"
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """Where the service keeps its data, where it listens, how long a lease lasts.

    `database_url` and `optuna_url` default to SQLite files in `data_dir`. With a PostgreSQL `database_url`, Rampline's
    tables live in the schema `rampline` and Optuna's in the schema `optuna` of that database.
    """

    model_config = SettingsConfigDict(env_prefix="RAMPLINE_", extra="ignore", frozen=True)

    data_dir: Path = Path("rampline-data")
    database_url: str | None = None
    optuna_url: str | None = None
    mlflow_url: str | None = Field(
        default=None, description="MLflow's tracking server, as service and workers reach it"
    )
    mlflow_public_url: str | None = Field(
        default=None, description="MLflow's address for people; the door's, or mlflow_url, if unset"
    )
    mlflow_door: bool = Field(
        default=False, description="show MLflow at /mlflow to whoever has a token, and let workers log through there"
    )
    mlflow_file_bytes: int = Field(default=2**30, gt=0, description="the largest file that a worker logs there")
    dashboard_url: str | None = Field(
        default=None, description="Optuna's dashboard, as the service reaches it; shown to admins at /dashboard"
    )
    artifact_dir: Path | None = Field(default=None, description="data_dir/artifacts if unset")
    corpora_dir: Path | None = Field(default=None, description="where file:NAME corpora lie; data_dir/corpora if unset")
    states: str | None = Field(
        default=None,
        description="where workers keep states: a directory that they share, or an fsspec URL; the service if unset",
    )
    states_gib: float = Field(default=8, gt=0, description="how much of them is kept")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, description="0: any free port")
    processes: int = Field(default=1, ge=1, le=64, description="server processes on the port; several need PostgreSQL")
    upload_bytes: int = Field(default=2**28, gt=0, description="the largest text that can be uploaded")
    team_bytes: int = Field(default=2**33, gt=0, description="the most that the uploads of a team may have together")
    tls_cert: Path | None = Field(default=None, description="certificate chain in PEM; with it, HTTPS is served")
    tls_key: Path | None = Field(default=None, description="its private key in PEM")
    connections: int = Field(default=1024, ge=8, description="how many are held open; the idlest make room")
    lease_seconds: float = Field(default=60, gt=0)
    report_seconds: float = Field(default=2, gt=0)
    half_life_days: float = Field(
        default=7, gt=0, description="after this long half of what a team used counts no more"
    )
    preempt_seconds: float = Field(
        default=300, gt=0, description="a run keeps its lane that long, whoever waits for one"
    )
    admin_token_file: Path | None = Field(default=None, description="holds a token that shall have the role admin")
    worker_token_file: Path | None = Field(default=None, description="holds a token that shall have the role worker")
    token_key_file: Path | None = Field(
        default=None, description="the key of the tokens' hashes; data_dir/token-key, made at first, if unset"
    )
    rate: float = Field(default=50, ge=0, description="requests a second of a token of a person; 0: no limit")
    worker_rate: float = Field(default=1000, ge=0, description="the same of a worker's token, which workers share")
    stranger_rate: float = Field(default=10, ge=0, description="the same of an address without a valid token")
    trusted_proxies: str | None = Field(
        default=None, description="addresses, with commas between, whose X-Forwarded-For is believed"
    )
    log_level: LogLevel = "info"
    log_format: LogFormat = Field(default="text", description="json: an object a line, for machines")
    metrics_listen: str | None = Field(
        default=None, pattern=r"^.+:\d+$", description="address:port that shows the metrics to whoever reaches it"
    )

    @property
    def policy(self) -> Policy:
        """How teams share the lanes."""
        return Policy(half_life=timedelta(days=self.half_life_days), least=timedelta(seconds=self.preempt_seconds))

    @property
    def database(self) -> str:
        """The address of Rampline's database."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'rampline.db'}"

    @property
    def optuna(self) -> str:
        """The address of Optuna's storage: beside ours, never in the same schema (its Alembic table would collide)."""
        if self.optuna_url:
            return self.optuna_url
        if self.database_url and not make_url(self.database_url).drivername.startswith("sqlite"):
            url = make_url(self.database_url).difference_update_query(["options"])
            return url.update_query_dict({"options": "-csearch_path=optuna"}).render_as_string(hide_password=False)
        return f"sqlite:///{self.data_dir.absolute() / 'optuna.db'}"

    @property
    def token_key(self) -> Path:
        """Where the key of the tokens' hashes lies."""
        return (self.token_key_file or self.data_dir / "token-key").absolute()

    @property
    def artifacts(self) -> Path:
        """Where corpora are kept, and states if workers have no place for them."""
        return (self.artifact_dir or self.data_dir / "artifacts").absolute()

    @property
    def corpora(self) -> Path:
        """Where users put texts of their own."""
        return (self.corpora_dir or self.data_dir / "corpora").absolute()

    @property
    def mlflow_public(self) -> str | None:
        """MLflow's address for people."""
        if self.mlflow_public_url is None and self.mlflow_door:
            scheme = "http" if self.tls_cert is None else "https"
            return f"{scheme}://{self.host}:{self.port}{MLFLOW_DOOR}"
        return self.mlflow_public_url or self.mlflow_url
