"""Whether a request was made by a page of ours."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

SAFE = ("GET", "HEAD", "OPTIONS")
"""The methods that change nothing."""


def is_ours(headers: Mapping[str, str], public_url: str) -> bool:
    """Whether a page of this service made a request with these headers (names in lower case): a browser says in Origin
    which page did, and a page from elsewhere can't change that. No Origin is no page."""
    origin = headers.get("origin", "").lower()
    if not origin:
        return False
    scheme = origin.partition("://")[0]
    return origin == origin_of(public_url) or (
        scheme in ("http", "https") and origin == origin_of(f"{scheme}://{headers.get('host', '')}")
    )


def origin_of(url: str) -> str | None:
    """The origin of an http URL as browsers write it; None if there can be no such URL."""
    try:
        parts = urlsplit(url.lower())
        default = {"http": 80, "https": 443}.get(parts.scheme)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")
    except ValueError:  # such as brackets that do not close, or a port that is no number
        return None


def is_foreign(headers: Mapping[str, str], public_url: str) -> bool:
    """Whether a page from elsewhere made a request with these headers, or led to it. Most requests that pages make to
    read something have no Origin, and what is no browser says nothing of all this."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return True
    return "origin" in headers and not is_ours(headers, public_url)


def is_local_path(target: str) -> bool:
    """Whether a browser that is sent there stays with us: not at `//elsewhere`, nor at what browsers take for that."""
    visible = target.isascii() and target.isprintable() and " " not in target
    return visible and target.startswith("/") and not target.startswith(("//", "/\\"))
