"""The settings that are in force, to be read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from phoneagent.web.api.backend import Given
from phoneagent.web.api.guard import needs
from phoneagent.web.api.router import router

routes = router("settings", needs("admin"))


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


@routes.get("/settings")
async def list_settings(backend: Given) -> SettingList:
    """What the service was told when it was started, without secrets."""
    return SettingList(settings=[SettingShown.model_validate(each, from_attributes=True) for each in backend.settings])
