"""Summaries of calls that are over, and what their agents want to know of them, by a language model."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from phoneagent.core.costs import Usage
from phoneagent.core.records import Afterwards, Charge
from phoneagent.core.redaction.entries import redactor_for
from phoneagent.prices import Prices, price_of
from phoneagent.records.briefing import BadAnswerError, Found, is_silent, question, read, schema_of
from phoneagent.records.chat import Chat, ChatError
from phoneagent.store import StoreError
from phoneagent.store.calls import CallDetail, Calls
from phoneagent.store.carrying_on import carrying_on
from phoneagent.store.summaries import CLAIM, Claim, Outcome, Summaries

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
AT_ONCE = 4
_WITHIN_S = CLAIM.total_seconds() - 60  # while the call is still ours


class Summarizer:
    """Makes them, for the calls that wait for it. What it has not done when the service ends, the next one does."""

    def __init__(
        self,
        summaries: Summaries,
        calls: Calls,
        chat: Chat | None,
        prices: Prices,
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Without `chat` nothing is made, and the calls say so."""
        self._summaries = summaries
        self._calls = calls
        self._chat = chat
        self._prices = prices
        self._look_every_s = look_every_s
        self._free = asyncio.Semaphore(AT_ONCE)
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Give back what is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._chat is not None:
            await self._chat.close()

    async def _look(self) -> None:
        await asyncio.sleep(self._look_every_s)  # a service that starts has more urgent things to ask the database
        async with asyncio.TaskGroup() as under_way:
            while True:
                await self._free.acquire()
                under_way.create_task(self._finish(await self._next())).add_done_callback(
                    lambda _: self._free.release()
                )

    async def _next(self) -> Claim:
        while True:
            with carrying_on("summaries"):
                if (claim := await self._summaries.claim()) is not None:
                    return claim
            await asyncio.sleep(self._look_every_s)

    async def _finish(self, claim: Claim) -> None:
        call = {"call_id": claim.call_id}
        try:
            outcome = await self._outcome(claim)
            if not await self._summaries.keep(claim.call_id, outcome):
                return
        except asyncio.CancelledError:
            with suppress(StoreError):
                await self._summaries.give_back(claim.call_id)
            raise
        except StoreError as error:  # it is tried again when the claim has run out
            log.warning("a call can't be summarized now", extra=call | {"reason": str(error)})
            return
        except Exception as error:  # one call that breaks this must not keep it from the others
            log.exception("a call can't be summarized", extra=call)
            with carrying_on("summaries"):
                await self._summaries.keep(
                    claim.call_id, Outcome("failed", f"an error of ours: {type(error).__name__}")
                )
            return
        if outcome.state == "done":
            log.info("summarized a call", extra=call)
        else:
            level = logging.WARNING if outcome.state == "failed" else logging.INFO
            log.log(level, "did not summarize a call", extra=call | {"reason": outcome.problem})

    async def _outcome(self, claim: Claim) -> Outcome:
        if self._chat is None:
            return Outcome("skipped", "PHONEAGENT_AFTER_CALL_MODEL is not set")
        call = await self._calls.get(claim.call_id)
        if claim.afterwards is None or call is None:
            return Outcome("skipped", "nothing is wanted")
        if is_silent(call):
            return Outcome("skipped", "nothing was said")
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await self._asked(self._chat, call, claim.afterwards)
        except TimeoutError:
            return Outcome("failed", "the model takes too long")

    async def _asked(self, chat: Chat, call: CallDetail, rules: Afterwards) -> Outcome:
        wanted, messages = rules.after_call, question(call, rules)
        usage = Usage()
        for _ in range(2):
            try:
                answer = await chat.ask(messages, schema_of(wanted))
            except ChatError as error:
                return Outcome("failed", str(error), charge=self._charge(chat.model, usage))
            usage += answer.usage
            try:
                found = read(answer.text, wanted)
            except BadAnswerError as error:
                correction = f"That does not fit: {error}\nAnswer again, with the whole JSON object and nothing else."
                messages += [
                    {"role": "assistant", "content": answer.text},
                    {"role": "user", "content": correction},
                ]
                continue
            return _kept(found, rules, self._charge(chat.model, usage))
        problem = "the model's answer is not what was asked for, not the second time either"
        return Outcome("failed", problem, charge=self._charge(chat.model, usage))

    def _charge(self, model: str, usage: Usage) -> Charge | None:
        if usage == Usage():
            return None
        price = price_of(model, self._prices.after_call)
        return Charge("after_call", model, None if price is None else price.of(usage), usage)


def _kept(found: Found, rules: Afterwards, charge: Charge | None) -> Outcome:
    redactor = redactor_for(rules.redaction)
    summary = None if found.summary is None else redactor.text(found.summary)
    return Outcome("done", summary=summary, extracted=redactor.value(found.extracted), charge=charge)
