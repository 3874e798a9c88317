"""Running the service on a telephone number: numbers and their webhooks, tunnels, `dev`, the doctor."""

from __future__ import annotations


class OpsError(Exception):
    """Something that the person at the keyboard has to mend; the text says what and how."""
