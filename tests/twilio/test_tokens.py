"""One-use tokens of media streams."""

import pytest

from phoneagent.twilio.tokens import StreamTokens


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(clock):
    return StreamTokens(clock)


def test_a_token_is_good_once(tokens):
    token = tokens.issue("CA1")
    assert tokens.redeem(token, "CA1")
    assert not tokens.redeem(token, "CA1")


def test_a_token_is_good_for_its_own_call(tokens):
    token = tokens.issue("CA1")
    tokens.issue("CA2")
    assert not tokens.redeem(token, "CA2")
    assert tokens.redeem(token, "CA1")


@pytest.mark.parametrize("token", ["", "guess", "é"])
def test_a_wrong_token_is_refused_and_does_not_spend_the_right_one(tokens, token):
    right = tokens.issue("CA1")
    assert not tokens.redeem(token, "CA1")
    assert not tokens.redeem(token, "CA9")
    assert tokens.redeem(right, "CA1")


def test_a_token_is_good_for_a_minute(tokens, clock):
    token = tokens.issue("CA1")
    clock.now += 59.9
    in_time = tokens.issue("CA2")
    clock.now += 0.1
    assert not tokens.redeem(token, "CA1")
    assert tokens.redeem(in_time, "CA2")


def test_a_new_token_voids_the_calls_earlier_one(tokens, clock):
    first = tokens.issue("CA1")
    clock.now += 30
    second = tokens.issue("CA1")
    assert not tokens.redeem(first, "CA1")
    clock.now += 31  # the first would have expired by now
    assert tokens.redeem(second, "CA1")


def test_tokens_are_long_random_and_forgotten_in_time(tokens, clock):
    issued = [tokens.issue(f"CA{i}") for i in range(1000)]
    assert len(set(issued)) == 1000
    assert min(map(len, issued)) >= 32
    clock.now += 60
    tokens.issue("CA")
    assert len(tokens) == 1
