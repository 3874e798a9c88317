from __future__ import annotations

import json

import pytest

from phoneagent.tools import output
from phoneagent.tools.output import MAX_OUTPUT_BYTES


@pytest.mark.parametrize("text", ["ü" * 3_000_000, '"' * 20_000, "\0" * 20_000, "😀" * 5000, "\n\u2028" * 9000])
def test_a_long_text_is_cut_and_says_so_and_is_still_json(text: str):
    told = output.of_result(text)
    assert MAX_OUTPUT_BYTES * 0.6 < len(told.encode()) <= MAX_OUTPUT_BYTES
    read = json.loads(told)
    assert text.startswith(read["result"])
    assert read["cut"] == f"The result has {len(text.encode())} bytes; this is the beginning of it."


def test_a_long_list_is_told_as_the_text_of_its_beginning():
    read = json.loads(output.of_result(list(range(10_000))))
    assert read["result"].startswith("[0,1,2,3")
    assert "48890 bytes" not in read["result"]
    assert "bytes" in read["cut"]


def test_what_fits_exactly_is_not_cut():
    text = "x" * (MAX_OUTPUT_BYTES - len('{"result":""}'))
    assert json.loads(output.of_result(text)) == {"result": text}
    assert "cut" in json.loads(output.of_result(text + "x"))


def test_whatever_is_told_is_json_that_others_can_read():
    assert output.of_result({"a": float("nan"), "b": float("-inf")}) == '{"result":{"a":"NaN","b":"-Infinity"}}'
    assert output.of_error("failed", "half \ud83d").encode()


def test_an_error_is_short():
    assert json.loads(output.of_error("failed", "No table.")) == {"error": "failed", "message": "No table."}
    assert len(output.of_error("failed", "x" * 100_000)) < 2100
