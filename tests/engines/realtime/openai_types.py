"""OpenAI's own types of the protocol, as an oracle."""

from __future__ import annotations

from typing import Any

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)


def further_fields(model: object) -> list[str]:
    """What these types, which let everything pass, don't know of."""
    if isinstance(model, list):
        return [name for part in model for name in further_fields(part)]
    if not isinstance(model, BaseModel):
        return []
    values = [further_fields(getattr(model, name)) for name in type(model).model_fields]
    return [*(model.model_extra or {}), *(name for names in values for name in names)]
