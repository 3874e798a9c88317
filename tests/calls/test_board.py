"""What watchers and listeners leave behind."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from phoneagent.calls.board import REMEMBERED_S, Board
from tests.calls.test_listening import Call, Listener

pytestmark = pytest.mark.virtual_time


@dataclass
class Known(Call):
    """A call, and the switchboard that has it."""

    call_id: str = "c1"
    forgotten: bool = False

    @property
    def details(self) -> Known:
        return self

    @property
    def live_calls_now(self) -> tuple[()]:
        return ()

    def recent_call(self, call_id: str) -> Any:
        return None if self.forgotten else self

    def live_call(self, call_id: str) -> None:
        return None


async def test_a_call_is_forgotten_only_when_the_last_have_left_it_for_a_while():
    call: Any = Known()
    board = Board(call, lambda: call)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(board.listen("c1", Listener()))
        second.enter_context(board.listen("c1", Listener()))
        call.over = True
        await asyncio.sleep(1)  # both are told, and go
        first.close()
        second.close()
    call.forgotten = True
    await asyncio.sleep(REMEMBERED_S - 1)
    with board.close_up("c1"):
        await asyncio.sleep(2)
        assert board.has("c1")
    await asyncio.sleep(REMEMBERED_S - 1)
    assert board.has("c1")
    await asyncio.sleep(2)
    assert not board.has("c1")
