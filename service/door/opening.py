"""Which doors there are: as the settings say, each a few routes of the app, and what has to be closed at the end."""

from fastapi import FastAPI
from starlette.routing import Match, Route
from starlette.types import Scope

from service.door import login
from service.door.belonging import Belonging
from service.door.dashboard import HOME, PATHS, Dashboard
from service.door.door import PREFIX, Door
from service.door.upstream import Upstream
from service.door.visitors import Visitors
from service.errors import StartupError
from service.settings import Settings
from service.store.engine import Store


class DoorRoute(Route):
    """A route that says what it is, as FastAPI's own do: logs and metrics name requests by their routes."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is this route's."""
        match, found = super().matches(scope)
        if match is not Match.NONE:
            found["route"] = self
        return match, found


class Doors:
    """What people and workers reach through this service.

    Raises StartupError: there is to be a door to something that has no address.
    """

    def __init__(self, settings: Settings, store: Store, visitors: Visitors) -> None:
        self._upstreams: list[Upstream] = []
        self._routes: list[Route] = []
        self._places: dict[str, str] = {}
        if settings.mlflow_door:
            if settings.mlflow_url is None:
                raise StartupError("RAMPLINE_MLFLOW_DOOR leads to MLflow; say where it is with RAMPLINE_MLFLOW_URL")
            mlflow = Upstream("MLflow", settings.mlflow_url, PREFIX)
            self._upstreams.append(mlflow)
            door = Door(mlflow, visitors, Belonging(store, mlflow, visitors))
            self._routes += [DoorRoute(PREFIX, door), DoorRoute(PREFIX + "/{path:path}", door)]
            self._places["MLflow: your team's sweeps"] = f"{PREFIX}/"
        if settings.dashboard_url is not None:
            optuna = Upstream("Optuna's dashboard", settings.dashboard_url, "")
            self._upstreams.append(optuna)
            dashboard = Dashboard(optuna, visitors)
            self._routes += [DoorRoute(path, dashboard) for path in PATHS]
            self._places["Optuna's dashboard (admins)"] = HOME

    def install(self, app: FastAPI) -> None:
        """Add the routes, and those of the login page if there are any."""
        if self._routes:
            app.router.routes.extend(self._routes)
            app.include_router(login.router)
            app.state.places = self._places

    async def close(self) -> None:
        """Close the connections to what is behind the doors."""
        for upstream in self._upstreams:
            await upstream.close()
