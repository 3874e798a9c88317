"""As much of Amazon S3 as keeps files: it checks what it gets, and can be told to fail."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from itertools import count
from types import TracebackType
from typing import Self

from aiohttp import web

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class FakeS3:
    """One bucket, `calls`, whose objects are in `objects`. The next `failing` requests get `status`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.notes: dict[str, str] = {}  # x-amz-meta-sha256
        self.requests: Counter[str] = Counter()
        self.failing, self.status = 0, 503
        self.loses_bytes = 0
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/calls/{key:.*}", self._answer)
        app.router.add_route("*", "/calls", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests[request.method] += 1
        body = await request.read()
        if self.failing:
            self.failing -= 1
            return web.Response(status=self.status, text="<Error><Code>SlowDown</Code></Error>")
        if not request.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=key/"):
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        if (
            request.method == "PUT"
            and request.headers.get("x-amz-checksum-sha256") != base64.b64encode(hashlib.sha256(body).digest()).decode()
        ):
            return web.Response(status=400, text="<Error><Code>BadDigest</Code></Error>")
        key = request.match_info.get("key", "")
        if request.method == "POST" and "delete" in request.query:
            return self._delete_all(body.decode())
        if "uploads" in request.query or "uploadId" in request.query:
            return self._in_parts(request, key, body)
        if request.method == "PUT":
            self._put(key, body, request.headers.get("x-amz-meta-sha256", ""))
            return web.Response(headers={"ETag": '"etag"'})
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        return self._get(request, key)

    def _put(self, key: str, body: bytes, note: str) -> None:
        self.objects[key] = body[: len(body) - self.loses_bytes]
        self.notes[key] = note

    def _get(self, request: web.Request, key: str) -> web.Response:
        if (content := self.objects.get(key)) is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        headers = {"ETag": '"etag"', "Last-Modified": "Sat, 21 Nov 2026 15:00:00 GMT"}
        part = request.http_range
        if part.start is None:
            return web.Response(body=content, headers=headers)
        start, stop = part.start, min(len(content), part.stop or len(content))
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        return web.Response(status=206, body=content[start:stop], headers=headers)

    def _in_parts(self, request: web.Request, key: str, body: bytes) -> web.Response:
        if request.method == "PUT":
            self._uploads[request.query["uploadId"]][int(request.query["partNumber"])] = body
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            return web.Response(headers={"ETag": '"etag"', "x-amz-checksum-sha256": digest})
        if "uploads" in request.query:
            upload = f"upload{next(self._numbers)}"
            self._uploads[upload] = {}
            self.notes[key] = request.headers.get("x-amz-meta-sha256", "")
            return web.Response(
                text=f"<InitiateMultipartUploadResult {_NAMESPACE}><UploadId>{upload}</UploadId>"
                "</InitiateMultipartUploadResult>"
            )
        parts = self._uploads.pop(request.query["uploadId"])
        if request.method == "POST":
            self._put(key, b"".join(content for _, content in sorted(parts.items())), self.notes[key])
        return web.Response(
            text=f"<CompleteMultipartUploadResult {_NAMESPACE}><ETag>etag</ETag></CompleteMultipartUploadResult>"
        )

    def _delete_all(self, body: str) -> web.Response:
        keys = re.findall(r"<Key>(.*?)</Key>", body)
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult {_NAMESPACE}>{deleted}</DeleteResult>")
