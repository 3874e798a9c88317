"""What webhooks can be told of, and how a message to one stands."""

from __future__ import annotations

from typing import Literal, get_args

Event = Literal["call.started", "call.ended", "call.failed", "call.transferred", "call.summarized", "message.taken"]
EVENTS: tuple[Event, ...] = get_args(Event)

DeliveryState = Literal["pending", "delivered", "failed"]
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)
