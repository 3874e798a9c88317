from __future__ import annotations

import pytest

from phoneagent.core.secrets import UnknownSecretError, filled, secrets_in

SECRETS = {"TOKEN": "s3cret", "USER": "${TOKEN}"}


def test_secrets_are_put_in_once_and_the_rest_stays_as_it_is():
    assert filled("Bearer ${TOKEN}${TOKEN} $TOKEN {TOKEN} $", SECRETS) == "Bearer s3crets3cret $TOKEN {TOKEN} $"
    assert filled("${USER}", SECRETS) == "${TOKEN}"


@pytest.mark.parametrize("text", ["${HOME}", "${TOKEN} ${HOME}", "${}", "${token}"])
def test_a_secret_that_is_not_there_is_named_and_none_is_told(text: str):
    with pytest.raises(UnknownSecretError, match=r"\$\{(HOME|token)?\} is not among the variables") as raised:
        filled(text, SECRETS)
    assert raised.value.name in secrets_in(text)
    assert "s3cret" not in str(raised.value)
