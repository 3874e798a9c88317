"""Twilio's REST API as its own client asks for it, against the fake Twilio."""

import random
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from phoneagent.simulate.fake_twilio import FakeTwilio, Fault
from phoneagent.twilio.rest import TwilioApi, TwilioError
from tests.ops.front import Certificate


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio(rng=random.Random(1), auth_token="12345") as twilio:
        twilio.number("+15550100")
        yield twilio


async def test_what_is_refused_of_a_list_says_what_to_do_too(twilio: FakeTwilio):
    api = TwilioApi(twilio.account_sid, twilio.account_sid, "wrong", base_url=twilio.api_url)
    with pytest.raises(TwilioError, match="the credentials are wrong") as refused:
        await api.numbers()
    api.close()
    assert (refused.value.code, refused.value.status, refused.value.maybe_done) == (20003, 401, False)


@pytest.mark.parametrize("status", [429, 500])
async def test_a_list_is_asked_for_again(twilio: FakeTwilio, status: int):
    twilio.fail("GET", "/IncomingPhoneNumbers.json", times=2, with_=Fault.status(status))
    api = TwilioApi(twilio.account_sid, twilio.account_sid, "12345", base_url=twilio.api_url)
    assert [number.number for number in await api.numbers()] == ["+15550100"]
    api.close()


@pytest.mark.parametrize("trusted", [True, False])
async def test_tls_that_breaks_behind_a_request_does_not_tell_that_nothing_was_done(tmp_path, monkeypatch, trusted):
    certificate = Certificate(tmp_path)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.file)
    requests: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                encrypted = tls.wrap_socket(listener.accept()[0], server_side=True)
            except ssl.SSLError:  # the certificate is not trusted
                continue
            except OSError:  # the test is over
                return
            requests.append(encrypted.recv(65536))
            with socket.socket(fileno=encrypted.detach()) as plain:
                plain.sendall(b"HTTP/1.1 500 Sorry\r\n\r\n")
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65536):  # what is left unread would break off the answer
                    pass

    with ThreadPoolExecutor() as threads, socket.create_server(("127.0.0.1", 0)) as listener:
        threads.submit(serve, listener)
        sid = "AC" + "0" * 32
        api = TwilioApi(sid, sid, "12345", base_url=f"https://localhost:{listener.getsockname()[1]}")
        try:
            with pytest.raises(TwilioError, match="SSLError; check the network") as lost:
                await api.dial("+12125550123", "+15550100", "https://phone.example", status_callback="")
        finally:
            api.close()
            listener.shutdown(socket.SHUT_RDWR)
    assert (lost.value.maybe_done, len(requests)) == ((True, 1) if trusted else (False, 0))
