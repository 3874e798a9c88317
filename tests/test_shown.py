"""What people see of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoneagent.settings import load
from phoneagent.shown import DOTS, shown


def of(variable: str, environ: dict[str, str], dotenv: Path | None = None) -> tuple[str | None, str]:
    [found] = [each for each in shown(load(environ, dotenv)) if each.variable == variable]
    return found.value, found.origin


def test_each_says_where_it_comes_from(tmp_path):
    file = tmp_path / ".env"
    file.write_text("PHONEAGENT_PORT=9000\nPHONEAGENT_HOST=0.0.0.0\nPHONEAGENT_REGION=US\n")
    environ = {"PHONEAGENT_HOST": "127.0.0.1", "PHONEAGENT_REGION": ""}
    assert of("PHONEAGENT_PORT", environ, file) == ("9000", ".env")
    assert of("PHONEAGENT_HOST", environ, file) == ("127.0.0.1", "environment")
    assert of("PHONEAGENT_REGION", environ, file) == (None, "default")
    assert of("PHONEAGENT_DRAIN_S", environ, file) == ("600", "default")
    assert of("PHONEAGENT_ENGINE", environ, file) == ("local", "default")


def test_no_secret_is_shown(tmp_path):
    environ = {
        "PHONEAGENT_ADMIN_PASSWORD": "s3cret-1",
        "TWILIO_AUTH_TOKEN": "s3cret-2",
        "OPENAI_API_KEY": "s3cret-3",
        "PHONEAGENT_TOOL_SECRETS": "CRM_KEY,OTHER",
        "CRM_KEY": "s3cret-4",
        "OTHER": "s3cret-5",
        "PHONEAGENT_DATABASE_URL": "postgresql://ada:s3cret-6@db:5432/calls?password=s3cret-7",
    }
    everything = shown(load(environ, None))
    assert "s3cret" not in str(everything)
    values = {each.variable: each.value for each in everything}
    assert values["PHONEAGENT_ADMIN_PASSWORD"] == values["TWILIO_AUTH_TOKEN"] == DOTS
    assert values["TWILIO_API_KEY"] is None
    assert values["PHONEAGENT_TOOL_SECRETS"] == "CRM_KEY, OTHER"
    assert values["PHONEAGENT_DATABASE_URL"] == f"postgresql://ada:{DOTS}@db:5432/calls?{DOTS}"


@pytest.mark.parametrize("address", ["sqlite:///data/calls.db", "sqlite:////var/calls.db", "postgresql://db/calls"])
def test_an_address_without_a_password_is_shown_as_it_is(address):
    assert of("PHONEAGENT_DATABASE_URL", {"PHONEAGENT_DATABASE_URL": address}) == (address, "environment")
