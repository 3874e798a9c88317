"""Recordings, heard over the API."""

from __future__ import annotations

from hashlib import sha256

import httpx
import pytest

from tests.calls.tones import tones
from tests.store.entries import began, call, over
from tests.web.api.desk import AUDIO, Desk, said

SIZE = len(AUDIO)
URL = "/api/calls/c1/recording"


@pytest.fixture
async def recorded(api) -> Desk:
    await api.keep(began(), over())
    await api.record("c1")
    return api


async def part(desk: Desk, range_: str, **headers: str) -> httpx.Response:
    return await desk.http.get(URL, headers={"Range": range_, **headers})


async def test_a_recording_is_had_whole(recorded):
    response = await recorded.http.get(URL)
    assert (response.status_code, response.content == AUDIO) == (200, True)
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["content-length"] == str(SIZE)
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"] == f'"{sha256(AUDIO).hexdigest()}"'
    assert response.headers["content-disposition"] == 'inline; filename="c1.wav"'


async def test_a_part_of_it_is_had(recorded):
    for range_, start, stop in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=300000-300099", 300_000, 300_100),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        (f"bytes=100-{SIZE + 9}", 100, SIZE),
        ("bytes=1000-", 1000, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        (f"bytes=-{SIZE + 9}", 0, SIZE),
        ("bytes=262143-262145", 262_143, 262_146),
    ]:
        response = await part(recorded, range_)
        assert (response.status_code, response.content == AUDIO[start:stop]) == (206, True), range_
        assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
        assert response.headers["content-length"] == str(stop - start)


async def test_a_part_that_it_has_not_is_refused(recorded):
    for range_ in (f"bytes={SIZE}-", "bytes=999999999999999-", "bytes=-0"):
        response = await part(recorded, range_)
        assert said(response, 416, "no_such_part", f"{SIZE} bytes"), range_
        assert response.headers["content-range"] == f"bytes */{SIZE}"


async def test_what_is_no_range_that_we_serve_is_the_whole(recorded):
    unserved = ["", "bytes=", "bytes=-", "bytes=2-1", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=0-" + "9" * 99]
    for range_ in unserved:
        response = await part(recorded, range_)
        assert (response.status_code, response.content == AUDIO) == (200, True), range_


async def test_whoever_has_it_is_not_sent_it_again(recorded):
    etag = (await recorded.http.get(URL)).headers["etag"]
    response = await recorded.http.get(URL, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")
    assert (await recorded.http.get(URL, headers={"If-None-Match": '"another"'})).status_code == 200
    assert (await part(recorded, "bytes=0-1", **{"If-Range": etag})).status_code == 206
    assert (await part(recorded, "bytes=0-1", **{"If-Range": '"another"'})).status_code == 200


@pytest.mark.parametrize(("name", "kind"), [("a.flac", "audio/flac"), ("a.opus", "audio/ogg")])
async def test_its_type_is_that_of_its_file(api, name, kind):
    await api.keep(began(), over())
    await api.record("c1", name)
    assert (await api.http.get(URL)).headers["content-type"] == kind


async def test_of_several_the_longest_is_heard(recorded):
    await recorded.record("c1", "2026/11/21/c1-2.wav", b"short")
    assert (await recorded.http.get(URL)).content == AUDIO


async def test_any_of_them_is_heard_by_its_name(recorded):
    other = "2026/11/21/c1-2.wav"
    await recorded.record("c1", other, b"short")
    assert (await recorded.http.get(URL, params={"name": other})).content == b"short"
    assert said(await recorded.http.get(URL, params={"name": "2026/11/21/c2.wav"}), 404, "no_recording", "this name")


async def test_how_loud_it_is_can_be_drawn(recorded):
    await recorded.record("c1", "c1-2.wav", tones((0.0, 0.5), (0.25, 0.0)))
    response = await recorded.http.get(f"{URL}/peaks", params={"name": "c1-2.wav"})
    peaks = response.json()
    assert (response.status_code, peaks["at_s"], peaks["step_s"]) == (200, 0.0, 0.02)
    assert (max(peaks["caller"]), max(peaks["agent"])) == (0.5, 0.25)
    assert len(peaks["caller"]) == len(peaks["agent"]) == 100
    next(recorded.recordings.rglob("c1.wav")).unlink()
    assert said(await recorded.http.get(f"{URL}/peaks"), 404, "no_recording", "not where it should be")
    await recorded.office.store.erasure.delete_recordings(["c1"])
    deleted = await recorded.http.get(f"{URL}/peaks", params={"name": "c1-2.wav"})
    assert said(deleted, 404, "no_recording", "has been deleted")


async def test_why_there_is_none_is_said(api):
    await api.keep(began())
    assert said(await api.http.get(URL), 404, "no_recording", "not over yet")
    await api.keep(over())
    assert said(await api.http.get(URL), 404, "no_recording", "there is no recording of this call")
    await api.keep(*call())
    assert said(await api.http.get(URL), 404, "no_recording", "not where it should be")
    await api.office.store.erasure.delete_recordings(["c1"])
    assert said(await api.http.get(URL), 404, "no_recording", "has been deleted")


async def test_a_file_that_is_not_what_was_recorded_is_not_served(recorded):
    next(recorded.recordings.rglob("*.wav")).write_bytes(AUDIO[:-1])
    assert said(await recorded.http.get(URL), 503, "no_storage")
