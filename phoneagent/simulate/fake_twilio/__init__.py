"""A fake Twilio: account, REST API, telephones. docs/testing.md shows how it is used."""

from phoneagent.simulate.fake_twilio.callees import Busy, Callee, NoAnswer, Person, Unreachable, Voicemail
from phoneagent.simulate.fake_twilio.faults import Fault
from phoneagent.simulate.fake_twilio.server import FakeTwilio
from phoneagent.simulate.party import Keys, Words

__all__ = [
    "Busy",
    "Callee",
    "FakeTwilio",
    "Fault",
    "Keys",
    "NoAnswer",
    "Person",
    "Unreachable",
    "Voicemail",
    "Words",
]
