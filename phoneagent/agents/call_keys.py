"""Keys of the front matter for where a call may go: transfers, text messages, calls to people, hold music."""

from __future__ import annotations

import wave
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationInfo

from phoneagent.agents.numbers import COUNTRIES, countries_by_default, dialable
from phoneagent.agents.values import Keys, plain_text
from phoneagent.core import agents as core

_DESTINATION = core.Destination("")
_OUTBOUND = core.Outbound()


def _number(value: Any, info: ValidationInfo) -> str:
    return dialable(str(value), region=(info.context or {}).get("region"), countries=COUNTRIES)


DialableNumber = Annotated[str, PlainValidator(_number, json_schema_input_type=str | int)]


class DestinationKeys(Keys):
    """Somebody to whom the agent may transfer the caller."""

    number: DialableNumber
    """Their telephone number."""
    how: Literal["cold", "warm"] = _DESTINATION.how
    """warm: they hear what it is about and accept first; cold: the caller hears them ring."""
    timeout_s: int = Field(default=_DESTINATION.timeout_s, ge=5, le=600)
    """Seconds for which it rings."""
    max_minutes: int = Field(default=_DESTINATION.max_minutes, ge=1, le=240)
    """Minutes of conversation."""
    caller_id: Literal["called", "caller"] = _DESTINATION.caller_id
    """What they see on their phone: the number that was called, or the caller's."""

    def build(self) -> core.Destination:
        return core.Destination(self.number, self.how, self.timeout_s, self.max_minutes, self.caller_id)


def _destination(value: Any) -> DestinationKeys:
    return DestinationKeys.model_validate(value if isinstance(value, dict) else {"number": value})


DestinationValue = Annotated[
    DestinationKeys, PlainValidator(_destination, json_schema_input_type=str | int | DestinationKeys)
]


def _is_no_caller(name: str) -> str:
    if name == "caller":
        raise ValueError("the caller is always there: choose another name")
    return name


class SmsKeys(Keys):
    """What the agent may text, and to whom besides the caller."""

    numbers: dict[Annotated[str, AfterValidator(_is_no_caller)], DialableNumber] = Field(default={})
    """Names and numbers of others."""
    templates: dict[str, Annotated[str, Field(min_length=1, max_length=1600), BeforeValidator(plain_text)]] = Field(
        default={}
    )
    """Texts by their names. With any, the agent can send these only."""


class LeaveMessage(Keys):
    leave_message: Annotated[str, Field(min_length=1), BeforeValidator(plain_text)]
    """What the agent says after the beep."""


def _on_machine(value: Any) -> str | LeaveMessage:
    if isinstance(value, dict):
        return LeaveMessage.model_validate(value)
    if value not in ("talk", "hang_up"):
        raise ValueError(f"must be talk, hang_up or {{leave_message: …}}, got {value!r}")
    return str(value)


class OutboundKeys(Keys):
    """How the agent calls people."""

    on_machine: Annotated[
        str | LeaveMessage,
        PlainValidator(_on_machine, json_schema_input_type=Literal["talk", "hang_up"] | LeaveMessage),
        PlainSerializer(lambda value: value if isinstance(value, str) else value.model_dump()),
    ] = _OUTBOUND.on_machine
    """What it does when an answering machine answers."""
    timeout_s: int = Field(default=_OUTBOUND.timeout_s, ge=5, le=600)
    """Seconds for which it rings."""

    def build(self) -> core.Outbound:
        if isinstance(self.on_machine, LeaveMessage):
            return core.Outbound("leave_message", self.on_machine.leave_message, self.timeout_s)
        return core.Outbound("hang_up" if self.on_machine == "hang_up" else "talk", None, self.timeout_s)


def _country(value: Any) -> str:
    if not isinstance(value, str) or value not in COUNTRIES:
        raise ValueError(f"write a country in two letters, as in US or GB (ISO 3166), got {value!r}")
    return str(value)


Country = Annotated[str, PlainValidator(_country, json_schema_input_type=str)]


def _music(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be the path of a WAV file, got {value!r}")
    path = Path((info.context or {}).get("beside", ".")) / value
    try:
        with wave.open(str(path)) as file:
            if not file.getnframes():
                raise ValueError(f"{path.as_posix()} has no sound in it")
    except OSError as error:
        raise ValueError(f"{path.as_posix()} can't be read: {error.strerror}") from None
    except (wave.Error, EOFError):
        raise ValueError(f"{path.as_posix()} is no WAV file of plain (PCM) samples") from None
    return str(path)


HoldMusic = Annotated[str, PlainValidator(_music, json_schema_input_type=str)]


def refused(
    numbers: Mapping[str, str], *, own: Collection[str] | None, countries: Collection[str], region: str | None
) -> dict[str, str]:
    """By their names, why numbers may not be dialled by an agent that has `own` numbers and names these countries.

    `own` is None if its numbers are not known, and then a number may be in any country.
    """
    allowed = countries or (COUNTRIES if own is None else countries_by_default(own, region))
    reasons: dict[str, str] = {}
    for name, number in numbers.items():
        try:
            dialable(number, countries=allowed)
        except ValueError as error:
            reasons[name] = str(error)
    return reasons
