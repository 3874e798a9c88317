"""The items of the conversation, above all those that a client may put into it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel

from phoneagent.local.protocol import RealtimeError, new_id
from phoneagent.local.session_object import validated


class _Base(BaseModel):
    id: str | None = Field(default=None, max_length=64)


class InputText(BaseModel):
    type: Literal["input_text"]
    text: str


class OutputText(BaseModel):
    type: Literal["output_text"]
    text: str


class _SystemMessage(_Base):
    type: Literal["message"]
    role: Literal["system"]
    content: list[InputText]


class _UserMessage(_Base):
    type: Literal["message"]
    role: Literal["user"]
    content: list[InputText]


class _AssistantMessage(_Base):
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[OutputText]


class _FunctionCall(_Base):
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class _FunctionCallOutput(_Base):
    type: Literal["function_call_output"]
    call_id: str
    output: str


_Message = Annotated[_SystemMessage | _UserMessage | _AssistantMessage, Field(discriminator="role")]


class _Item(RootModel[Annotated[_Message | _FunctionCall | _FunctionCallOutput, Field(discriminator="type")]]):
    pass


def parse_item(data: Any) -> dict[str, Any]:
    """An item as the protocol shows it. Raises RealtimeError."""
    if not isinstance(data, dict):
        raise RealtimeError("missing_required_parameter", "Missing required parameter: 'item'.", "item")
    item = validated(_Item, data, "item").root.model_dump(mode="json")
    item["id"] = item["id"] or new_id("item")
    return {"object": "realtime.item", "status": "completed", **item}


def message_item(item_id: str, role: str, content: dict[str, Any]) -> dict[str, Any]:
    """A message of one part, as the protocol shows it."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": role,
        "content": [content],
    }
