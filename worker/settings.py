"""What a worker is told from outside: options of the command line, or `RAMPLINE_*` in the environment."""

import os
import platform
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.wire.placement import Labels


class WorkerSettings(BaseSettings):
    """A worker needs the service's address and a token of role `worker`; everything else has a default."""

    model_config = SettingsConfigDict(env_prefix="RAMPLINE_", extra="ignore")

    url: str = Field(default="http://127.0.0.1:8000", description="the service's address")
    worker_token: SecretStr | None = None
    worker_token_file: Path | None = Field(default=None, description="a file that holds the token")
    worker_name: str = Field(default_factory=lambda: f"{platform.node()}:{os.getpid()}", max_length=200)
    slot: str | None = Field(
        default=None, min_length=1, max_length=200, description="a place that one worker has at a time, in a fleet"
    )
    labels: Labels = Field(default={}, description="what sweeps may require of a worker, as a JSON object")
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N")
    lanes: int | None = Field(
        default=None, ge=1, le=4096, description="runs trained at once; found by measurement if not given"
    )
    scratch_dir: Path = Field(
        default_factory=lambda: Path.home() / ".cache" / "rampline", description="where texts are kept"
    )
    spool_bytes: int = Field(
        default=2**30, ge=1, description="what may wait for MLflow on this disk before no new run is begun"
    )
    drain_seconds: float = Field(default=25.0, gt=0, description="what leaving may take, all together")
    state_seconds: float = Field(
        default=60, gt=0, description="how often the state of a run is kept, for the case that the worker dies"
    )

    log_format: Literal["text", "json"] = Field(default="text", description="json: an object a line, for machines")

    def token(self) -> str:
        """The worker's token.

        Raises:
            ValueError: when neither a token nor a readable file with one was given.
        """
        if self.worker_token is not None:
            return self.worker_token.get_secret_value()
        if self.worker_token_file is None:
            raise ValueError(
                "a worker needs a token: set RAMPLINE_WORKER_TOKEN_FILE to a file that holds one of role worker"
            )
        try:
            return self.worker_token_file.read_text().strip()
        except OSError as error:
            raise ValueError(
                f"cannot read the worker's token from {self.worker_token_file}: {error.strerror}; "
                "set RAMPLINE_WORKER_TOKEN_FILE to a readable file"
            ) from error
