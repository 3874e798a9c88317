"""Who is of this machine."""

import pytest

from phoneagent.web.guard import LoopbackOnly, RequestHead


@pytest.mark.parametrize(
    ("peer", "host", "served"),
    [
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "localhost:8000", True),
        ("::1", "[::1]:8000", True),
        ("::ffff:127.0.0.1", "localhost", True),
        ("203.0.113.7", "127.0.0.1:8000", False),
        ("::ffff:203.0.113.7", "localhost", False),
        ("192.168.1.5", "localhost", False),
        (None, "localhost", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "localhost@evil.example", False),
    ],
)
def test_without_a_secret_both_ends_must_be_this_machine(peer, host, served):
    assert LoopbackOnly().serves(RequestHead(peer, "/incoming", "", {"host": host})) is served
