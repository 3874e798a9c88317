import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from phoneagent import telemetry

CALL = "0123456789abcdef" * 2
CALL_SID = "CA" + CALL
log = logging.getLogger("phoneagent.test")


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    logging.getLogger("uvicorn.access").disabled = False


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    telemetry.set_up("json", "info", stream)
    return stream


def test_a_line_has_time_level_message_call_and_fields(out: io.StringIO) -> None:
    log.info("call answered", extra={"call_id": CALL, "agent": "reception", "turns": 3})
    (line,) = lines(out)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "phoneagent.test",
        "message": "call answered",
        "call_id": CALL,
        "agent": "reception",
        "turns": 3,
    }


def test_lines_within_a_call_carry_its_id(out: io.StringIO) -> None:
    with telemetry.call_context(CALL):
        log.info("inside")
    log.info("outside")
    inside, outside = lines(out)
    assert inside["call_id"] == CALL
    assert "call_id" not in outside


@pytest.mark.parametrize("form", ["json", "human"])
def test_what_is_not_to_be_kept_of_calls_is_not_logged_either(form: Literal["human", "json"]) -> None:
    out = io.StringIO()
    telemetry.set_up(form, "info", out)
    said = "4111 1111-1111 1111, DE89 3704 0044 0532 0130 00, ada@example.com"
    try:
        raise RuntimeError(said)
    except RuntimeError:
        log.exception("failed: %s", said, extra={"reason": said, "nested": {"list": [said]}})
    assert out.getvalue().count("[card], [iban], [email]") == 4
    assert "1111" not in out.getvalue()


def test_ids_stay_whatever_digits_are_in_them(out: io.StringIO) -> None:
    looks_like_a_card = "0c7630d45238759700769687429f1f88"
    log.info("found", extra={"call_sid": f"CA{looks_like_a_card}", "sha256": looks_like_a_card * 2})
    (line,) = lines(out)
    assert (line["call_sid"], line["sha256"]) == (f"CA{looks_like_a_card}", looks_like_a_card * 2)


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefgh12345678",
        "AC" + "0" * 32,
        "SK" + "a" * 32,
        "Bearer eyJhbGciOi.J9",
        "whsec_abcDEF123+/=",
        "pa_0123abcd_abcDEF-123_abcdefghijk",
        "+15550100199",
        "%2B15550100199",
        "://ada:p@ssword@",
    ],
)
def test_what_looks_like_a_secret_or_a_number_is_never_written(out: io.StringIO, secret: str) -> None:
    log.warning("refused %s", secret, extra={"reason": f"from '{secret}'", "nested": {"list": [secret]}})
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("failed")
    assert secret not in out.getvalue()
    assert out.getvalue().count(telemetry.REDACTED) >= 4


@pytest.mark.parametrize("key", ["caller", "digits", "transcript", "auth_token", "password", "X-Twilio-Signature"])
def test_what_is_called_a_secret_is_never_written(out: io.StringIO, key: str) -> None:
    log.info("event", extra={key: "12 Main Street", "nested": {key: "12 Main Street"}})
    assert "Main Street" not in out.getvalue()


def test_counts_ids_and_audio_sizes_stay_readable(out: io.StringIO) -> None:
    log.info("call ended", extra={"audio": 0.5, "call_sid": CALL_SID, "delta": "2+15550100", "frame": b"\xff" * 160})
    (line,) = lines(out)
    assert (line["audio"], line["call_sid"], line["delta"]) == (0.5, CALL_SID, "2+15550100")
    assert line["frame"] == "[160 bytes]"


def test_an_extra_field_cannot_replace_the_message(out: io.StringIO) -> None:
    log.info("real", extra={"level": "fake", "time": "fake"})
    (line,) = lines(out)
    assert (line["level"], line["message"]) == ("info", "real")
    assert line["time"] != "fake"


def test_human_lines_stay_on_their_line() -> None:
    stream = io.StringIO()
    telemetry.set_up("human", "info", stream)
    log.info("tool failed", extra={"call_id": CALL, "reason": "one\ntwo\x1b[2J"})
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(f"INFO    tool failed  call_id={CALL} reason=one\\ntwo\\x1b[2J")


def test_uvicorns_warnings_go_the_same_way_and_its_access_log_nowhere() -> None:
    logging.getLogger("uvicorn.error").setLevel("CRITICAL")  # as uvicorn.Config(log_level=...) does
    out = io.StringIO()
    telemetry.set_up("json", "info", out)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /incoming?From=..."')
    (line,) = lines(out)
    assert line["message"] == "Invalid HTTP request received."


def test_what_libraries_do_every_day_is_not_told(out: io.StringIO) -> None:
    for name in ("alembic.runtime.migration", "httpx", "twilio"):
        logging.getLogger(name).info("Will assume non-transactional DDL.")
    assert out.getvalue() == ""


def test_the_level_holds_and_a_second_set_up_replaces_the_first(out: io.StringIO) -> None:
    second = io.StringIO()
    telemetry.set_up("json", "warning", second)
    log.info("not this")
    log.warning("this")
    assert out.getvalue() == ""
    assert [line["message"] for line in lines(second)] == ["this"]
