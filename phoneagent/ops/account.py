"""The account at Twilio that the settings name."""

from __future__ import annotations

from phoneagent.account import twilio_api
from phoneagent.ops import OpsError
from phoneagent.settings import Settings
from phoneagent.twilio.rest import TwilioApi

NO_ACCOUNT = "set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or TWILIO_API_KEY with TWILIO_API_SECRET"


def needed_account(settings: Settings) -> TwilioApi:
    """Its REST API, to be closed, where nothing can be done without it. Raises OpsError."""
    if (api := twilio_api(settings)) is None:
        raise OpsError(f"the account at Twilio is not known: {NO_ACCOUNT}")
    return api
