"""The account at Twilio that the settings name."""

from __future__ import annotations

from phoneagent.ops import OpsError
from phoneagent.settings import Settings
from phoneagent.twilio.rest import TwilioApi

NO_ACCOUNT = "set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN or TWILIO_API_KEY with TWILIO_API_SECRET"


def account_of(settings: Settings) -> TwilioApi | None:
    """Twilio's REST API for the account of the settings, to be closed; None if they do not name it and its key."""
    if settings.twilio_account_sid is None:
        return None
    if settings.twilio_api_key and settings.twilio_api_secret:
        username, password = settings.twilio_api_key, settings.twilio_api_secret
    elif settings.twilio_auth_token:
        username, password = settings.twilio_account_sid, settings.twilio_auth_token
    else:
        return None
    return TwilioApi(settings.twilio_account_sid, username, password, base_url=settings.twilio_api_url)


def needed_account(settings: Settings) -> TwilioApi:
    """The same, where nothing can be done without it. Raises OpsError."""
    if (api := account_of(settings)) is None:
        raise OpsError(f"the account at Twilio is not known: {NO_ACCOUNT}")
    return api
