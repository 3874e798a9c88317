"""Asks Twilio what came of a dial when nobody has said: its answer was lost, or a callback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import chain, pairwise, repeat

from phoneagent.calls.outbound_ledger import Ledger
from phoneagent.core.dials import Dial
from phoneagent.store import StoreError
from phoneagent.store.dials import Dials
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.progress import Progress
from phoneagent.twilio.rest import CallState, TwilioApi

log = logging.getLogger(__name__)

CLOCKS_DIFFER = timedelta(minutes=1)  # ours and Twilio's, at most
NOT_PLACED = "not placed: Twilio gave no answer, and knows of no such call"


class Inquiry:
    """Asks, and moves the dials of the ledger accordingly. It places nothing."""

    def __init__(self, api: TwilioApi, dials: Dials, ledger: Ledger) -> None:
        self._api = api
        self._dials = dials
        self._ledger = ledger

    async def look_for(self, dial_id: str, look_after_s: tuple[float, ...]) -> None:
        """Look for the call of an unknown dial in Twilio's list, so many seconds from now; a callback may be faster.

        If the last look finds nothing, the call was not placed. A look that fails is none, and is made up for.
        """
        waits_s = [later - earlier for earlier, later in pairwise((0.0, *look_after_s))]
        for number, wait_s in enumerate(chain(waits_s, repeat(waits_s[-1])), start=1):
            await asyncio.sleep(wait_s)
            dial = self._ledger.get(dial_id)
            if dial is None or dial.over or dial.call_sid is not None:
                return
            try:
                call = await self._find(dial)
            except (TwilioError, StoreError) as error:
                log.warning("calls can't be listed", extra={"dial": dial_id, "reason": str(error)})
                continue
            if call is not None:
                self._note(dial, call)
            elif number >= len(look_after_s):
                self._ledger.move(dial_id, "failed", NOT_PLACED)

    async def keep_checking(self, is_live: Callable[[str], bool], every_s: float) -> None:
        """Ask, now and every so often, after the calls that are under way and not with the switchboard."""
        while True:
            for dial in self._ledger.unfinished:
                if dial.call_sid is not None and not is_live(dial.call_sid):
                    await self._check(dial, dial.call_sid)
            await asyncio.sleep(every_s)

    async def _find(self, dial: Dial) -> CallState | None:
        """The newest call between the two numbers since then that is no other dial's."""
        since = (dial.dialed or dial.created) - CLOCKS_DIFFER
        calls = await self._api.calls(to=dial.to, from_=dial.from_, since=since)
        others = await self._dials.others(dial.id, [call.call_sid for call in calls])
        return next((call for call in calls if call.call_sid not in others), None)

    async def _check(self, dial: Dial, call_sid: str) -> None:
        try:
            self._note(dial, await self._api.call(call_sid))
        except TwilioError as error:
            if error.gone:
                self._ledger.move(dial.id, "failed", "Twilio knows nothing of this call any more")
            else:
                log.warning("a call can't be asked after", extra={"dial": dial.id, "reason": str(error)})

    def _note(self, dial: Dial, call: CallState) -> None:
        if (progress := Progress.of(call.call_sid, call.status)) is not None:
            self._ledger.move(dial.id, progress.state, progress.reason, progress.call_sid)
