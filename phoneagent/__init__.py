"""phoneagent: put a voice agent on a phone number."""

__version__ = "0.1.0"
