"""A yardstick: the bridge that everybody writes first. FastAPI, `websockets`, `json`, two tasks for each call.

    python -m bench.plain <port> <model's base URL> [uvloop]

It does what Twilio's own sample for the Realtime API does: audio passed on both ways, a mark behind each piece,
clear and truncate when the caller begins to speak, at what the timestamps of the caller's audio say. It runs as
the sample does, on asyncio's own loop and h11, which is what `pip install uvicorn` brings; or on uvloop.
"""

import asyncio
import base64
import json
import sys

import uvicorn
import websockets
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

SESSION = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
    },
    "instructions": "You are a test.",
}

app = FastAPI()


@app.post("/incoming")
async def incoming(request: Request) -> Response:
    stream = f'<Stream url="ws://{request.url.netloc}/media-stream"/>'
    return Response(f"<Response><Connect>{stream}</Connect></Response>", media_type="text/xml")


@app.websocket("/media-stream")
async def media_stream(phone: WebSocket) -> None:
    await phone.accept()
    async with websockets.connect(app.state.model_url) as model:
        await model.send(json.dumps({"type": "session.update", "session": SESSION}))
        await model.send(json.dumps({"type": "response.create"}))
        stream_sid = None
        last_item = None
        began_ms = None
        now_ms = 0
        marks = []

        async def from_phone() -> None:
            nonlocal stream_sid, now_ms
            async for message in phone.iter_text():
                data = json.loads(message)
                if data["event"] == "media":
                    now_ms = int(data["media"]["timestamp"])
                    append = {"type": "input_audio_buffer.append", "audio": data["media"]["payload"]}
                    await model.send(json.dumps(append))
                elif data["event"] == "start":
                    stream_sid = data["start"]["streamSid"]
                elif data["event"] == "mark" and marks:
                    marks.pop(0)

        async def from_model() -> None:
            nonlocal last_item, began_ms
            async for message in model:
                event = json.loads(message)
                if event["type"] == "response.output_audio.delta" and stream_sid:
                    payload = base64.b64encode(base64.b64decode(event["delta"])).decode()
                    await phone.send_json({"event": "media", "streamSid": stream_sid, "media": {"payload": payload}})
                    if event["item_id"] != last_item:
                        last_item, began_ms = event["item_id"], now_ms
                    await phone.send_json({"event": "mark", "streamSid": stream_sid, "mark": {"name": "part"}})
                    marks.append("part")
                elif event["type"] == "input_audio_buffer.speech_started" and last_item and marks:
                    truncate = {
                        "type": "conversation.item.truncate",
                        "item_id": last_item,
                        "content_index": 0,
                        "audio_end_ms": now_ms - began_ms,
                    }
                    await model.send(json.dumps(truncate))
                    await phone.send_json({"event": "clear", "streamSid": stream_sid})
                    marks.clear()
                    last_item = began_ms = None

        answering = asyncio.create_task(from_model())
        try:
            await from_phone()
        except (WebSocketDisconnect, websockets.ConnectionClosed):
            pass
        finally:
            answering.cancel()


if __name__ == "__main__":
    app.state.model_url = "ws" + sys.argv[2].removeprefix("http") + "/realtime?model=plain"
    loop, http = ("uvloop", "httptools") if "uvloop" in sys.argv else ("asyncio", "h11")
    uvicorn.run(app, port=int(sys.argv[1]), loop=loop, http=http, log_level="warning")
