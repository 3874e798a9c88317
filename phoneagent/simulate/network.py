"""A network between a phone and the service: delays that vary, messages that keep their order. Pure."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from phoneagent.simulate.caller import Ending
from phoneagent.simulate.line import Messages, PhoneLine


@dataclass(frozen=True, slots=True)
class Network:
    """How long a message takes, each way: `delay_ms`, and up to `jitter_ms` more, at random."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0


class DelayedLine:
    """A line whose messages take their time in both directions. Used just as the line inside it."""

    def __init__(self, line: PhoneLine, network: Network, rng: random.Random) -> None:
        self._line = line
        self._to_service = _Way(network, rng)
        self._to_phone = _Way(network, rng)

    @property
    def deadline(self) -> float:
        """When the next message arrives on either side, or the line itself has something to do."""
        return min(self._line.deadline, self._to_service.next_at, self._to_phone.next_at)

    @property
    def ended(self) -> Ending | None:
        """How the phone ended the call, once its last message has arrived."""
        return None if self._to_service.next_at < float("inf") else self._line.ended

    def open(self, now: float) -> Messages:
        """Begin the stream."""
        self._to_service.put(self._line.open(now), now)
        return self.tick(now)

    def receive(self, message: str | bytes, now: float) -> Messages:
        """Take a message of the service, which will arrive at the phone later."""
        self._to_phone.put([message], now)
        return self.tick(now)

    def tick(self, now: float) -> Messages:
        """What arrives at the service now."""
        late_s = now - self.deadline  # the line itself is always told that it is in time
        self._line.worst_delay_s = max(self._line.worst_delay_s, late_s)
        # in the order of their times: a frame that was due before a message came in was sent before
        while (at := min(self._line.deadline, self._to_phone.next_at)) <= now:
            if self._to_phone.next_at <= at:
                self._to_service.put(self._line.receive(self._to_phone.take(), at), at)
            else:
                self._to_service.put(self._line.tick(at), at)
        arrived: Messages = []
        while self._to_service.next_at <= now:
            message = self._to_service.take()
            assert isinstance(message, str)
            arrived.append(message)
        return arrived

    def hang_up(self, now: float) -> Messages:
        """End the call from outside of the script."""
        self._to_service.put(self._line.hang_up(now), now)
        return self.tick(now)


class _Way:
    """One direction of the network."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self._network = network
        self._rng = rng
        self._last_at = 0.0
        self._under_way: deque[tuple[float, str | bytes]] = deque()

    @property
    def next_at(self) -> float:
        return self._under_way[0][0] if self._under_way else float("inf")

    def put(self, messages: list[str] | list[str | bytes], now: float) -> None:
        for message in messages:
            delay_ms = self._network.delay_ms + self._rng.uniform(0, self._network.jitter_ms)
            # not before the one ahead of it, or the phone's time would run backwards
            self._last_at = max(self._last_at, now + delay_ms / 1000)
            self._under_way.append((self._last_at, message))

    def take(self) -> str | bytes:
        return self._under_way.popleft()[1]
