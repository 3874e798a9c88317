"""The account at Twilio, and where the calls to its numbers go."""

from __future__ import annotations

from collections.abc import Sequence

from phoneagent.agents.numbers import EVERY_NUMBER
from phoneagent.ops.account import NO_ACCOUNT
from phoneagent.ops.examination import Fix, Patient, Result, failed, not_checked, ok, warning
from phoneagent.ops.webhooks import Webhooks
from phoneagent.settings import Settings
from phoneagent.twilio.rest import PhoneNumber, TwilioApi, TwilioError


async def keys(patient: Patient) -> Result:
    """Whether Twilio accepts the API key and the auth token; the latter signs, so it is tried too if both are set."""
    if patient.twilio is None:
        return not_checked("the account is not known", NO_ACCOUNT)
    try:
        if patient.settings.twilio_api_key:
            await patient.numbers()  # what every kind of key may read
        accepted = ["TWILIO_API_KEY"] if patient.settings.twilio_api_key else []
        if patient.settings.twilio_auth_token:
            await _try_token(patient.settings)
            accepted.append("TWILIO_AUTH_TOKEN")
    except TwilioError as error:
        return failed(str(error), "mend the settings")
    return ok(f"{' and '.join(accepted)} accepted")


async def account(patient: Patient) -> Result:
    """Whether the account is one that may open media streams: trial accounts can't."""
    if patient.twilio is None:
        return not_checked("the account is not known")
    try:
        found = await patient.account()
    except TwilioError as error:
        return not_checked(f"the account can't be read (API keys mostly can't): {error}")
    if found.status != "active":
        return failed(f"it is {found.status}", "see the Twilio console")
    if found.type == "Trial":
        return failed("a trial account, which can't open media streams", "upgrade it in the Twilio console")
    return ok(f"{found.type}, {found.status}")


async def webhooks(patient: Patient) -> Result:
    """Whether calls to the numbers of agents come here, and somebody answers those that come."""
    if patient.twilio is None:
        return not_checked("the account is not known")
    public_url = patient.settings.public_url
    if public_url is None or not public_url.startswith("https://"):
        return not_checked("PHONEAGENT_PUBLIC_URL is not set")
    try:
        numbers = [number for number in await patient.numbers() if number.voice]
    except TwilioError as error:
        return not_checked(f"the numbers can't be read: {error}")
    directory = patient.agents.directory
    claimed = {number for agent in directory.agents.values() for number in agent.numbers} - {EVERY_NUMBER}
    here = [number for number in numbers if Webhooks.of(number).points_to(public_url)]
    away = [number for number in numbers if number.number in claimed and number not in here]
    found = [
        *(f"{n.number} is an agent's, but goes to {_where(n)}" for n in away),
        *(f"{n.number} comes here, but no agent answers it" for n in here if not directory.for_number(n.number)),
        *(
            f"{number} is an agent's, but not of this account"
            for number in sorted(claimed - {n.number for n in numbers})
        ),
    ]
    if not here and not found:
        return failed("no number of this account leads here", "connect one: `phoneagent numbers --connect +1…`")
    if found:
        to_do = "connect it with `phoneagent numbers --connect`, or change `numbers` in the agent's file"
        free = [number for number in away if not Webhooks.of(number).wins]
        return (warning if here else failed)("; ".join(found), to_do, _pointing(patient.twilio, free, public_url))
    return ok(f"{', '.join(number.number for number in here)} come{'s' if len(here) == 1 else ''} here")


def _pointing(api: TwilioApi, numbers: Sequence[PhoneNumber], public_url: str) -> Fix | None:
    async def point() -> None:
        for number in numbers:
            before = Webhooks.of(number)
            await api.update_number(number.sid, **before.changes(before.toward(public_url)))

    names = ", ".join(f"{number.number} (now {_where(number)})" for number in numbers)
    return Fix(f"Point {names} at {public_url}?", point) if numbers else None


def _where(number: PhoneNumber) -> str:
    webhooks = Webhooks.of(number)
    return webhooks.wins or webhooks.voice_url or "nothing"


async def _try_token(settings: Settings) -> None:
    assert settings.twilio_account_sid
    assert settings.twilio_auth_token
    api = TwilioApi(
        settings.twilio_account_sid,
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        base_url=settings.twilio_api_url,
    )
    try:
        await api.account()
    finally:
        api.close()
