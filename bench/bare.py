"""A yardstick: the least that a bridge in Python can cost. picows on both sides, bytes cut out and spliced in.

    python -m bench.bare <port> <model's base URL>

It trusts everything and decides nothing: no JSON is parsed, no mark is sent, nothing is truncated. All it does
for a caller who interrupts is to clear.
"""

import asyncio
import sys

import picows
import uvloop

SESSION = (
    b'{"type":"session.update","session":{"type":"realtime","audio":{'
    b'"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}}'
)


class Phone(picows.WSListener):
    """The phone's side; it dials the model when the stream starts."""

    def __init__(self, model_url: str) -> None:
        self.model_url = model_url
        self.model: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        message = frame.get_payload_as_bytes()
        at = message.find(b'"payload":"')
        if at >= 0 and self.model is not None:
            audio = message[at + 11 : message.index(b'"', at + 11)]
            self.model.send(picows.WSMsgType.TEXT, b'{"type":"input_audio_buffer.append","audio":"' + audio + b'"}')
        elif message.startswith(b'{"event":"start"'):
            self.sid = message.partition(b'"streamSid":"')[2].partition(b'"')[0]
            self.dialling = asyncio.ensure_future(picows.ws_connect(lambda: Model(self), self.model_url))
        elif frame.msg_type is picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        if self.model is not None:
            self.model.disconnect()


class Model(picows.WSListener):
    """The model's side."""

    def __init__(self, phone: Phone) -> None:
        self.before_audio = b'{"event":"media","streamSid":"%b","media":{"payload":"' % phone.sid
        self.clear = b'{"event":"clear","streamSid":"%b"}' % phone.sid
        self.phone = phone

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.phone.model = transport
        transport.send(picows.WSMsgType.TEXT, SESSION)
        transport.send(picows.WSMsgType.TEXT, b'{"type":"response.create"}')

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        message = frame.get_payload_as_bytes()
        if message.startswith(b'{"type":"response.output_audio.delta"'):
            at = message.index(b'"delta":"') + 9
            audio = message[at : message.index(b'"', at)]
            self.phone.transport.send(picows.WSMsgType.TEXT, self.before_audio + audio + b'"}}')
        elif message.startswith(b'{"type":"input_audio_buffer.speech_started"'):
            self.phone.transport.send(picows.WSMsgType.TEXT, self.clear)


async def serve(port: int, model_url: str) -> None:
    """Serve media streams on a free port, and the webhook that points to it on `port`."""
    streams = await picows.ws_create_server(lambda request: Phone(model_url), "127.0.0.1", 0, backlog=1024)
    stream_port = streams.sockets[0].getsockname()[1]
    twiml = b'<Response><Connect><Stream url="ws://127.0.0.1:%d/media-stream"/></Connect></Response>' % stream_port

    async def incoming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(twiml), twiml))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(incoming, "127.0.0.1", port, backlog=1024) as webhooks:
        await webhooks.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), "ws" + sys.argv[2].removeprefix("http") + "/realtime?model=bare"))
