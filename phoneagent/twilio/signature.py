"""Twilio's signatures: proof that a webhook or a media stream's upgrade was made with our Auth Token.

Computed and compared by Twilio's own validator, over the configured public URL: what the request itself says
of host and scheme is an attacker's to choose. https://www.twilio.com/docs/usage/security
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

SIGNATURE_HEADER = "X-Twilio-Signature"


def websocket_url(public_url: str, path: str) -> str:
    """`path` under the public URL in its WebSocket form, which is the one that Twilio dials and signs."""
    return "ws" + public_url.removeprefix("http").rstrip("/") + path


def sign(auth_token: str, url: str, params: Mapping[str, str]) -> str:
    """The X-Twilio-Signature of a request to `url`, with the form fields of a POST or with no `params`."""
    return str(RequestValidator(auth_token).compute_signature(url, params))


class SignatureCheck:
    """Checks signatures against one public URL (`https://host`, nothing behind it).

    Several Auth Tokens are accepted, for the time of a rotation; with none, nothing is.
    """

    def __init__(self, public_url: str, auth_tokens: Sequence[str]) -> None:
        self._origin = public_url.rstrip("/")
        self._validators = tuple(RequestValidator(token) for token in auth_tokens if token)

    def webhook(self, raw_path: str, raw_query: str, params: Mapping[str, str], signature: str | None) -> bool:
        """Whether a webhook is Twilio's.

        `raw_path` and `raw_query` as they were on the wire. `params` are the form fields of a POST, the empty
        ones included, and none for a GET; a name may have several values where `params` has a `getlist`.
        """
        url = self._origin + raw_path + (f"?{raw_query}" if raw_query else "")
        return self._valid(url, params, signature)

    def upgrade(self, raw_path: str, signature: str | None) -> bool:
        """Whether an upgrade is Twilio's, which may have signed the URL with a `/` at its end."""
        url = websocket_url(self._origin, raw_path.rstrip("/"))
        return self._valid(url, {}, signature) or self._valid(url + "/", {}, signature)

    def _valid(self, url: str, params: Mapping[str, str], signature: str | None) -> bool:
        if not signature:  # the validator raises on None
            return False
        try:
            return any(validator.validate(url, params, signature) for validator in self._validators)
        except UnicodeError:  # lone surrogates cannot be signed
            return False
