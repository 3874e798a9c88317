"""The account at Twilio that the settings name."""

from __future__ import annotations

from phoneagent.settings import Settings
from phoneagent.twilio.rest import TwilioApi


def twilio_api(settings: Settings) -> TwilioApi | None:
    """Twilio's REST API, if there are credentials for it."""
    username = settings.twilio_api_key or settings.twilio_account_sid
    password = settings.twilio_api_secret or settings.twilio_auth_token
    if not settings.twilio_account_sid or not username or not password:
        return None
    return TwilioApi(settings.twilio_account_sid, username, password, base_url=settings.twilio_api_url)
