from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from phoneagent.core.agents import HttpTool
from phoneagent.tools.http_request import body_of, problems, url_of
from phoneagent.tools.runnable import BadArgumentsError

ORDER = HttpTool(
    description="Look up an order.",
    method="GET",
    url="https://api.example.com/v1/orders/{order}/items?lang={lang}",
    parameters={
        "type": "object",
        "properties": {
            "order": {"type": "string"},
            "lang": {"type": "string", "default": "en"},
            "tags": {"type": "array"},
            "limit": {"type": "integer"},
            "gift": {"type": "boolean"},
        },
        "required": ["order"],
    },
)


def url(order: Any = "A1", lang: str = "en", **more: Any) -> str:
    return url_of(ORDER, {"order": order, "lang": lang, **more})


def test_arguments_stand_where_the_file_puts_them():
    assert url("A 1/é".replace("/", "-")) == "https://api.example.com/v1/orders/A%201-%C3%A9/items?lang=en"
    assert url_of(replace(ORDER, url="https://api.example.com/n/{limit}.json"), {"limit": 3}).endswith("/n/3.json")
    assert url_of(replace(ORDER, url="https://api.example.com"), {}) == "https://api.example.com/"
    hyphened = replace(ORDER, url="https://api.example.com/{order-id}", body=["{order-id}"])
    assert url_of(hyphened, {"order-id": "A1"}) == "https://api.example.com/A1"
    assert body_of(hyphened, {"order-id": 1}) == b"[1]"


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("?admin=1", "%3Fadmin%3D1"),
        ("#top", "%23top"),
        ("x@evil.example", "x%40evil.example"),
        ("a;b&c=d", "a%3Bb%26c%3Dd"),
        ("{order}", "%7Border%7D"),
        ("...", "..."),
        ("a.b", "a.b"),
    ],
)
def test_an_argument_stays_one_segment_of_the_path(text: str, encoded: str):
    assert url(text) == f"https://api.example.com/v1/orders/{encoded}/items?lang=en"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "../admin",
        "a/b",
        "/",
        "..\\admin",
        "%2e%2e",
        "..%2fadmin",
        "a%2fb",
        "%252f",
        "a\nb",
        "\x00",
        "a\tb",
    ],
)
def test_an_argument_that_could_change_the_path_is_refused(text: str):
    with pytest.raises(BadArgumentsError, match="order: must"):
        url(text)


def test_dots_that_come_together_are_seen():
    dotted = replace(ORDER, url="https://api.example.com/a/.{order}/b")
    with pytest.raises(BadArgumentsError, match="more than dots"):
        url_of(dotted, {"order": "."})


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}])
def test_only_a_single_value_fits_into_the_path(value: Any):
    with pytest.raises(BadArgumentsError, match="order: must be a single value"):
        url(value)


@pytest.mark.parametrize("text", ["de&admin=1", "de#x", "de=1", "de+1", "../%2f", "{order}", "?a=b"])
def test_an_argument_can_not_add_to_the_query(text: str):
    written = url(lang=text)
    assert written.startswith(
        "https://api.example.com/v1/orders/A1/items?lang=de" if text[0] == "d" else "https://api."
    )
    assert not set(written.partition("lang=")[2]) & set("&=#+?/")


def test_the_query_takes_several_values_and_leaves_out_what_is_not_given():
    declared = replace(
        ORDER,
        query={"tag": "{tags}", "max": "{limit}", "gift": "{gift}", "sort": "new", "page": 1, "q": "gift:{gift}"},
    )
    assert url_of(declared, {"order": "A1", "lang": "en", "tags": ["a&b", "c"], "gift": True}) == (
        "https://api.example.com/v1/orders/A1/items?lang=en&tag=a%26b&tag=c&gift=true&sort=new&page=1&q=gift%3Atrue"
    )
    bare = replace(declared, url="https://api.example.com/")
    assert url_of(bare, {}) == "https://api.example.com/?sort=new&page=1"
    with pytest.raises(BadArgumentsError, match="tag: must be a single value"):
        url_of(declared, {"order": "A1", "lang": "en", "tags": [["a"]]})


def test_the_body_takes_arguments_with_their_types_and_leaves_out_what_is_not_given():
    declared = replace(
        ORDER,
        body={"order": "{order}", "n": "{limit}", "tags": "{tags}", "text": "Order {order} x{limit}", "gift": "{gift}"},
    )
    assert json.loads(body_of(declared, {"order": 'A"1', "limit": 3, "tags": ["a"]}) or b"") == {
        "order": 'A"1',
        "n": 3,
        "tags": ["a"],
        "text": 'Order A"1 x3',
    }
    lists = replace(ORDER, body=[{"of": "{order}"}, "{limit}", "{gift}", 7])
    assert json.loads(body_of(lists, {"order": "A1", "gift": False}) or b"") == [{"of": "A1"}, False, 7]
    assert body_of(replace(ORDER, body="{tags}"), {"tags": [1]}) == b"[1]"
    assert body_of(replace(ORDER, body="{tags}"), {}) is None
    assert body_of(ORDER, {"order": "A1"}) is None


def test_a_sound_tool_has_no_problems():
    sound = replace(ORDER, headers={"Authorization": "Bearer ${SHOP_TOKEN}"}, result="items[].name | sort(@)")
    assert problems(sound, {"SHOP_TOKEN"}) == []
    assert problems(sound) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"url": "ftp://api.example.com/"}, "url: must be https://host/path, with a query at most"),
        ({"url": "https:///orders"}, "url: must be https://host/path, with a query at most"),
        ({"url": "https://api.example.com/#{order}"}, "url: must be https://host/path, with a query at most"),
        ({"url": "https://api.example.com\\@evil/"}, "url: must be https://host/path, with a query at most"),
        ({"url": "{order}://api.example.com/"}, "url: must be https://host/path, with a query at most"),
        ({"url": "https://{order}/"}, "url: the host is fixed, arguments can't be part of it"),
        ({"url": "https://api.example.com{order}/"}, "url: the host is fixed, arguments can't be part of it"),
        ({"url": "https://api.example.com:{limit}/"}, "url: the host is fixed, arguments can't be part of it"),
        ({"url": "https://{order}@api.example.com/"}, "url: the host is fixed, arguments can't be part of it"),
        ({"url": "https://api.example.com:port/"}, "url: is not an address"),
        ({"url": "https://me:secret@api.example.com/"}, "url: user and password belong into `headers`, as ${NAME}"),
        ({"url": "https://10.0.0.1/"}, "url: is no address of the public internet (or set allow_private)"),
        ({"url": "https://[::1]:8443/"}, "url: is no address of the public internet (or set allow_private)"),
        ({"url": "http://api.example.com/"}, "url: must begin with https:// (or set allow_http)"),
        ({"url": "https://api.example.com/{name}"}, "url: {name} is not one of the parameters"),
        ({"url": "https://api.example.com/?key=${KEY}"}, "url: secrets can be used in `headers` only"),
        (
            {"url": "https://api.example.com/?n={limit}"},
            "url: {limit} may be left out: require it, give it a default, or move it to `query`",
        ),
        ({"query": {"q": ["{name}"]}}, "query: {name} is not one of the parameters"),
        ({"query": {"key": "${KEY}"}}, "query: secrets can be used in `headers` only"),
        ({"method": "POST", "body": {"a": [{"b": "{name}"}]}}, "body: {name} is not one of the parameters"),
        ({"body": {"a": 1}}, "body: a GET has none"),
        ({"headers": {"X Y": "1"}}, "headers: 'X Y' is not a header of HTTP"),
        ({"headers": {"X-Y": "a\r\nX-Z: b"}}, "headers: 'X-Y' is not a header of HTTP"),
        (
            {"headers": {"X-Key": "${KEY}${HOME}"}},
            "headers: ${HOME} is not among the variables that PHONEAGENT_TOOL_SECRETS lists",
        ),
        ({"result": "items["}, "result: Invalid jmespath expression: Incomplete expression:"),
        ({"result": ""}, "result: Invalid JMESPath expression: cannot be empty."),
        ({"result": "size(@)"}, "result: Unknown function: size()"),
        ({"parameters": {"type": "string"}}, "parameters: must be of type object"),
        (
            {"parameters": {"type": "object", "properties": {"a": {"type": "text"}}}},
            "parameters: properties.a.type: 'text' is not valid under any of the given schemas",
        ),
        (
            {"parameters": {"type": "object", "properties": {"a": {"$ref": "https://evil.example/"}}}},
            "parameters: $ref 'https://evil.example/' is not supported: it must point into the schema itself",
        ),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], problem: str):
    assert problems(replace(ORDER, **change), {"KEY"}) == [problem]
