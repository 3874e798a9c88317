"""Webhooks and health, asked over a real socket."""

import logging
import random
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
import websockets
from fastapi import APIRouter

from phoneagent.twilio.signature import sign
from phoneagent.twilio.webhook import Connect, Ending, Refuse
from tests.web.service import CALL_SID, FORM, PUBLIC_URL, TOKEN, serving


@pytest.fixture
async def service():
    async with serving() as service:
        yield service


async def test_incoming_is_answered_with_a_stream_and_its_token(service):
    answer = await service.post("/incoming", FORM)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    connect, say, hang_up = ElementTree.fromstring(answer.text)
    assert (connect.tag, connect.get("action")) == ("Connect", "https://phone.example/stream-ended")
    (stream,) = connect
    assert stream.get("url") == "wss://phone.example/media-stream"
    (parameter,) = stream
    assert parameter.get("name") == "token"
    assert service.switchboard.tokens.redeem(parameter.get("value"), CALL_SID)
    assert (say.tag, say.text, say.get("language"), hang_up.tag) == ("Say", "Sorry.", "en-US", "Hangup")


async def test_a_webhook_sent_twice_is_answered_twice_the_same(service):
    assert (await service.post("/incoming", FORM)).text == (await service.post("/incoming", FORM)).text


async def test_get_is_signed_over_the_query(service):
    path = "/incoming?" + urlencode(FORM)
    signature = sign(TOKEN, PUBLIC_URL + path, {})
    answer = await service.http.get(path, headers={"X-Twilio-Signature": signature})
    assert "<Connect" in answer.text
    assert (await service.http.get(path + "&x=1", headers={"X-Twilio-Signature": signature})).status_code == 403


async def test_a_query_on_a_post_is_signed_and_read_too(service):
    service.switchboard.answer = lambda call, draining: Refuse(say=call.parameters["table"])
    assert ">seven<" in (await service.post("/incoming?table=seven", FORM)).text


async def test_the_host_header_decides_nothing(service):
    answer = await service.post("/incoming", FORM, Host="evil.example")
    assert "evil" not in answer.text
    assert "wss://phone.example/" in answer.text
    lured = sign(TOKEN, "https://evil.example/incoming", FORM)
    answer = await service.post("/incoming", FORM, **{"Host": "evil.example", "X-Twilio-Signature": lured})
    assert answer.status_code == 403


async def test_two_tokens_are_accepted_during_a_rotation():
    async with serving(auth_tokens=("old", "new")) as service:
        assert (await service.post("/incoming", FORM, token="old")).status_code == 200
        assert (await service.post("/incoming", FORM, token="new")).status_code == 200
        assert (await service.post("/incoming", FORM, token="other")).status_code == 403


async def test_of_500_mutated_webhooks_none_is_accepted(service):
    chance = random.Random(7)
    signature = sign(TOKEN, PUBLIC_URL + "/incoming", FORM)
    for _ in range(500):
        form, signed = dict(FORM), signature
        field = chance.choice(list(form))
        match chance.randrange(4):
            case 0:
                form[field] += chance.choice("0 +x\u00e9")
            case 1:
                del form[field]
            case 2:
                form["X" + field] = form[field]
            case 3:
                at = chance.randrange(len(signed))
                signed = signed[:at] + chance.choice(["", "A" if signed[at] != "A" else "B"]) + signed[at + 1 :]
        answer = await service.http.post("/incoming", data=form, headers={"X-Twilio-Signature": signed})
        assert answer.status_code == 403, (form, signed)
    assert service.switchboard.answers == {}


ASKING = ["/stream-ended", "/next", "/transfer-ended", "/transfer-human", "/transfer-answer"]
TELLING = ["/status", "/machine", "/transfer-status", "/transfer-room"]


@pytest.mark.parametrize("path", ["/incoming", *ASKING, *TELLING])
async def test_every_webhook_must_be_signed(service, path, caplog):
    with caplog.at_level(logging.WARNING):
        assert (await service.http.post(path, data=FORM)).status_code == 403
    [refused] = [record for record in caplog.records if record.getMessage() == "request refused"]
    assert "X-Twilio-Signature" in refused.reason
    assert FORM["From"] not in caplog.text


async def test_a_refused_call_is_rejected_or_told_why(service):
    service.switchboard.answer = lambda call, draining: Refuse("rejected")
    assert '<Reject reason="rejected" />' in (await service.post("/incoming", FORM)).text
    service.switchboard.answer = lambda call, draining: Refuse(say="We are closed.", language="de")
    answer = (await service.post("/incoming", FORM)).text
    assert '<Say language="de-DE">We are closed.</Say><Hangup />' in answer


@pytest.mark.parametrize("path", ASKING)
async def test_how_a_line_goes_on_is_the_switchboards_to_say(service, path):
    assert "<Response><Hangup /></Response>" in (await service.post(path, FORM)).text
    service.switchboard.document = Ending("Sorry, we lost you.")
    answer = (await service.post(f"{path}?transfer=x", FORM)).text
    assert "<Say" in answer
    assert answer.index("Sorry, we lost you.") < answer.index("<Hangup />")
    question, params = service.switchboard.questions[-1]
    assert (question, params["CallSid"], params["transfer"]) == (path[1:], CALL_SID, "x")


@pytest.mark.parametrize("path", ASKING)
async def test_a_line_has_a_call(service, path):
    assert (await service.post(path, FORM | {"CallSid": "CA1"})).status_code == 400


async def test_text_cannot_break_out_of_the_twiml(service):
    apology = '</Say><Dial>+1900</Dial> & "quotes" ]]> \x00\x0b'
    service.switchboard.answer = lambda call, draining: Connect("t", apology, "en")
    document = ElementTree.fromstring((await service.post("/incoming", FORM)).text)
    assert [verb.tag for verb in document] == ["Connect", "Say", "Hangup"]
    assert document[1].text == '</Say><Dial>+1900</Dial> & "quotes" ]]> '


@pytest.mark.parametrize("path", TELLING)
async def test_what_the_carrier_tells_is_passed_on(service, path):
    answer = await service.post(f"{path}?transfer=x", FORM | {"CallStatus": "completed"})
    assert (answer.status_code, answer.content) == (204, b"")
    news, params = service.switchboard.news[0]
    assert (news, params["CallStatus"], params["CallerName"], params["transfer"]) == (path[1:], "completed", "", "x")


async def test_further_routes_look_after_themselves():
    router = APIRouter()
    router.add_api_route("/api/hello", lambda: "hello")
    async with serving(api=router) as service:
        assert (await service.http.get("/api/hello")).json() == "hello"


@pytest.mark.parametrize("wrong", [{"CallSid": "CA1"}, {"CallSid": "CA" + "Z" * 32}, {"To": ""}])
async def test_a_webhook_without_a_call_is_told_what_is_missing(service, wrong):
    answer = await service.post("/incoming", FORM | wrong)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.text


async def test_bodies_that_no_webhook_has_are_not_read(service):
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for body, status in [
        (b"a=" + b"b" * 70_000, 413),
        (b"&".join(b"a%d=1" % i for i in range(501)), 400),
        (b"a=\xff", 400),
        (b"a=%ff", 400),
    ]:
        assert (await service.http.post("/incoming", content=body, headers=kind)).status_code == status


async def test_health_and_readiness(service):
    assert (await service.http.get("/healthz")).json() == {"status": "ok"}
    assert (await service.http.get("/readyz")).json() == {"ready": True, "reasons": [], "remarks": []}
    service.switchboard.reasons = ["no agent can be loaded"]
    answer = await service.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reasons": ["no agent can be loaded"], "remarks": []}


async def test_nothing_documents_itself(service):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await service.http.get(path)).status_code == 404


# Without a secret


async def test_without_a_token_this_machine_is_served_unsigned(caplog):
    with caplog.at_level(logging.WARNING):
        async with serving(auth_tokens=()) as service:
            assert "TWILIO_AUTH_TOKEN is not set" in caplog.text
            assert (await service.http.post("/incoming", data=FORM)).status_code == 200
            async with websockets.connect(f"ws://127.0.0.1:{service.port}/media-stream", proxy=None):
                pass
            assert not [record for record in caplog.records if record.getMessage() == "request refused"]


FROM_OUTSIDE = [
    {"X-Forwarded-For": "203.0.113.7"},
    {"X-Forwarded-Proto": "https"},
    {"Forwarded": "for=203.0.113.7"},
    {"Host": "phone.example"},
    {"Host": "192.168.1.5:8000"},
    {"Host": "[::1"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("picows", [True, False], ids=["picows", "asgi"])
async def test_without_a_token_nothing_from_outside_is_served(picows, caplog):
    async with serving(picows=picows, auth_tokens=()) as service:
        for header in FROM_OUTSIDE:
            caplog.clear()
            for path in ("/incoming", "/status", "/stream-ended", "/healthz"):
                answer = await service.http.request("POST", path, data=FORM, headers=header)
                assert answer.status_code == 403, header
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with service.upgrade(**header):
                    pass
            assert refused.value.response.status_code == 403, header
            reasons = {record.reason for record in caplog.records if record.getMessage() == "request refused"}
            assert reasons == {"without TWILIO_AUTH_TOKEN only calls from this machine are served"}
        assert service.switchboard.answers == {}
