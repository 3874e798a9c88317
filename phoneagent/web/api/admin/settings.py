"""The settings that are in force, to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter
from pydantic import BaseModel, Field

from phoneagent.web.api.guard import Needs


class Setting(Protocol):
    """A setting with the attributes of SettingShown: `shown.ShownSetting`."""

    @property
    def variable(self) -> str:
        """Its name in the environment."""


class SettingShown(BaseModel):
    """A setting of this process."""

    variable: str
    description: str
    secret: bool
    value: Annotated[str | None, Field(description="null: it has none. Of a secret there are only dots to be seen.")]
    origin: Annotated[
        Literal["environment", ".env", "default"], Field(description="Who says so; a default may depend on the others.")
    ]


class SettingList(BaseModel):
    """All settings, in the order of the README."""

    settings: list[SettingShown]


def settings_shown(needs: Needs, settings: Sequence[Setting]) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["settings"], dependencies=[needs("admin")])
    listed = [SettingShown.model_validate(each, from_attributes=True) for each in settings]

    @routes.get("/settings")
    async def list_settings() -> SettingList:
        """What the service was told when it was started, without secrets."""
        return SettingList(settings=listed)

    return routes
