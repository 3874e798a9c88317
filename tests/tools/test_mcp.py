from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from phoneagent.core.agents import Agent, McpServer
from phoneagent.tools import Call, ToolError
from phoneagent.tools.mcp import McpServers, problems
from phoneagent.tools.mcp_connection import Patience
from phoneagent.tools.runnable import BadArgumentsError, Runnable
from tests.tools.mcp_server import shop
from tests.tools.web import (
    HOST,
    PUBLIC,
    Received,
    answer,
    certificate,
    in_parts,
    names,
    serving,
    trusting,
    turns_during,
    watched,
)

SECRET = "s3cr3t-0123456789"
PROGRAM = (sys.executable, "-m", "tests.tools.mcp_server")
QUICK = Patience(connect_s=60, call_s=60, pauses_s=(0.01,))


def agent_of(**servers: McpServer) -> Agent:
    return Agent("ada", mcp=servers)


def call_of(agent: Agent) -> Call:
    return Call("CA1", "+15550199", "+15550100", agent, "CA1/call_1")


async def run(tools: Mapping[str, Runnable], name: str, arguments: str = "{}") -> Any:
    return await tools[name].run(arguments, call_of(Agent("ada")))


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits for what another process does, or a server of somebody else's."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
async def servers() -> AsyncIterator[McpServers]:
    servers = McpServers({"SHOP_TOKEN": SECRET}, patience=QUICK, ssl_context=trusting(), resolve=names())
    yield servers
    await servers.close()


@asynccontextmanager
async def over_http(server: MCPServer, *, tls: bool = False, port: int = 0, **options: Any) -> AsyncIterator[int]:
    """Serves over streamable HTTP on a port of loopback."""
    anybody = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(transport_security=anybody, **options)
    with TemporaryDirectory() as folder:
        both = Path(folder) / "both.pem"
        both.write_bytes(certificate()[0])
        certified = {"ssl_certfile": str(both)} if tls else {}
        web = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=0, **certified))
        serving = asyncio.create_task(web.serve())
        await eventually(lambda: web.started or serving.done())
    try:
        yield web.servers[0].sockets[0].getsockname()[1]
    finally:
        web.should_exit = True
        await serving


def local(port: int, **more: Any) -> McpServer:
    return McpServer(url=f"http://127.0.0.1:{port}/mcp", allow_private=True, **more)


@pytest.fixture
async def web_shop() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A shop over HTTP: its port, and what lets its slow tool go on."""
    release = asyncio.Event()
    async with over_http(shop(release)) as port:
        yield port, release


# A program


async def test_the_tools_of_a_program_are_listed_and_run(servers: McpServers):
    agent = agent_of(shop=McpServer(command=PROGRAM, env={"SHOP_TOKEN": "${SHOP_TOKEN}", "REGION": "eu"}))
    os.environ["PHONEAGENT_TEST_PRIVATE"] = "private"
    try:
        await servers.refresh([agent])
    finally:
        del os.environ["PHONEAGENT_TEST_PRIVATE"]
    assert servers.problems == []
    tools = servers.tools(agent)
    spec = tools["shop_add"].spec
    assert (spec.name, spec.description, spec.policy.confirm) == ("shop_add", "Add two numbers.", False)
    assert spec.parameters["required"] == ["a", "b"]
    assert await run(tools, "shop_add", '{"a": 1, "b": 2}') == {"result": 3}

    environment = await run(tools, "shop_environment")
    assert '"REGION": "eu"' in environment
    assert '"SHOP_TOKEN": "[secret]"' in environment
    assert "PHONEAGENT_TEST_PRIVATE" not in environment

    process = int(await run(tools, "shop_pid"))
    await servers.close()
    with pytest.raises(ProcessLookupError):  # nor is it a zombie
        os.kill(process, 0)
    with pytest.raises(ToolError, match="not available"):
        await run(tools, "shop_add", '{"a": 1, "b": 2}')


async def test_a_program_that_dies_is_started_again_and_its_tools_say_so_meanwhile(servers: McpServers):
    agent = agent_of(shop=McpServer(command=PROGRAM))
    await servers.refresh([agent])
    tools = servers.tools(agent)
    first = await run(tools, "shop_pid")
    slow = asyncio.create_task(run(tools, "shop_slow"))
    await asyncio.sleep(0)
    with pytest.raises(ToolError, match="broke off") as raised:
        await run(tools, "shop_die")
    assert raised.value.ran
    with pytest.raises(ToolError, match="broke off"):
        await slow
    with pytest.raises(ToolError, match="not available") as raised:  # at once, and nothing was done
        await run(tools, "shop_pid")
    assert not raised.value.ran
    assert servers.tools(agent).keys() == tools.keys()  # the model goes on to know them
    await eventually(lambda: not servers.problems)
    second = await run(tools, "shop_pid")
    assert second != first
    os.kill(int(second), signal.SIGKILL)  # while nobody waits for it
    await eventually(lambda: servers.problems == ["ada: mcp.shop: has ended"])
    await eventually(lambda: not servers.problems)
    assert await run(tools, "shop_pid") != second


async def test_a_server_that_can_not_be_used_says_why(caplog: pytest.LogCaptureFixture):
    servers = McpServers({}, patience=Patience(connect_s=60, pauses_s=(60,)), ssl_context=trusting())
    agent = agent_of(
        complains=McpServer(command=(*PROGRAM, "complain=PORT is not set")),
        missing=McpServer(command=("no-such-program",)),
        private=McpServer(url="https://127.0.0.1/mcp"),
        refused=McpServer(url="http://127.0.0.1:1/mcp", allow_private=True),
        silly=McpServer(command=(sys.executable, "-c", "print('hello')")),
        secret=McpServer(command=PROGRAM, env={"HOME": "${HOME}"}),
    )
    with caplog.at_level(logging.WARNING, "phoneagent"):
        await servers.refresh([agent])
        assert set(servers.problems) == {
            "ada: mcp.complains: broke off: ConfigError: PORT is not set",
            "ada: mcp.missing: can't be started: No such file or directory: no-such-program",
            "ada: mcp.private: is not on the public internet, and allow_private is not set",
            "ada: mcp.refused: can't be reached: All connection attempts failed",
            "ada: mcp.silly: broke off",
            "ada: mcp.secret: env: ${HOME} is not among the variables that PHONEAGENT_TOOL_SECRETS lists",
        }
    logged = [record.server for record in caplog.records if record.name.startswith("phoneagent")]  # type: ignore[attr-defined]
    assert sorted(logged) == ["complains", "missing", "private", "refused", "silly"]  # once each
    assert servers.tools(agent) == {}
    await servers.close()


def scripted(tool: dict[str, Any], message: str = "", refused: str = "") -> Callable[[Received], bytes]:
    """A server over HTTP that has one tool. To requests of the method `refused` it answers with an error."""
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "web", "version": "1"},
        },
        "tools/list": {"tools": [tool]},
    }

    def answered(request: Received) -> bytes:
        asked = request.json
        if asked["method"] in results and asked["method"] != refused:
            outcome = {"result": results[asked["method"]]}
        else:
            outcome = {"error": {"code": -32050, "message": f"{message} {request.headers.get('authorization')}"}}
        return answer({"jsonrpc": "2.0", "id": asked.get("id"), **outcome})

    return answered


async def test_a_tool_whose_schema_is_too_long_is_left_out(servers: McpServers, caplog: pytest.LogCaptureFixture):
    schema = {"type": "object", "properties": {f"p{n}": {"enum": ["x" * 40]} for n in range(1000)}}
    with caplog.at_level(logging.WARNING, "phoneagent"):
        async with serving(scripted({"name": "pay", "inputSchema": schema})) as web:
            agent = agent_of(web=local(web.port))
            await servers.refresh([agent])
            assert servers.problems == []
            assert servers.tools(agent) == {}
    assert [record.tool for record in caplog.records if hasattr(record, "tool")] == ["pay"]


@pytest.mark.parametrize("refused", ["initialize", "tools/call"])
async def test_a_secret_that_a_server_sends_back_is_in_no_log_and_no_error(
    caplog: pytest.LogCaptureFixture, refused: str
):
    # where texts are cut, a part of the secret must not be left either
    answered = scripted({"name": "pay", "inputSchema": {"type": "object"}}, "x" * 285, refused)
    quote = "import os, sys; sys.exit('x' * 290 + os.environ['KEY'])"
    async with serving(answered) as web:
        agent = agent_of(
            program=McpServer(command=(sys.executable, "-c", quote), env={"KEY": "${SHOP_TOKEN}"}),
            web=local(web.port, headers={"Authorization": "Bearer ${SHOP_TOKEN}"}),
        )
        servers = McpServers(
            {"SHOP_TOKEN": SECRET}, patience=Patience(connect_s=60, pauses_s=(60,)), ssl_context=trusting()
        )
        with caplog.at_level(logging.WARNING, "phoneagent"):
            await servers.refresh([agent])
            said = "\n".join(servers.problems)
            if refused == "tools/call":
                with pytest.raises(ToolError) as failed:
                    await run(servers.tools(agent), "web_pay")
                said += str(failed.value)
        assert said.count("[secret") == 2
        assert SECRET[:4] not in said
        assert SECRET[:4] not in repr([vars(record) for record in caplog.records])
        await servers.close()


# Over HTTP


async def test_the_tools_of_a_server_on_the_web_are_run_with_the_secrets_in_its_headers(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch
):
    network = watched(monkeypatch)
    server = shop()

    @server.tool(structured_output=False)
    def whoami() -> str:
        """Tell who asks."""
        return f"Bearer {SECRET}"

    async with over_http(server, tls=True) as port:
        network.port = port
        agent = agent_of(crm=McpServer(url=f"https://{HOST}/mcp", headers={"Authorization": "Bearer ${SHOP_TOKEN}"}))
        await servers.refresh([agent])
        assert servers.problems == []
        tools = servers.tools(agent)
        assert await run(tools, "crm_greet", '{"name": "Ada"}') == "Hello Ada"
        assert await run(tools, "crm_whoami") == "Bearer [secret]"
        await servers.close()
    assert set(network.dialled) == {PUBLIC}


async def test_the_secret_headers_are_sent(servers: McpServers):
    async with serving(lambda request: answer({}, 404)) as server:
        agent = agent_of(crm=local(server.port, headers={"X-Key": "${SHOP_TOKEN}"}))
        await servers.refresh([agent])
    assert server.received[0].headers["x-key"] == SECRET
    assert server.received[0].headers["accept-encoding"] == "identity"


async def test_results_are_told_as_structure_or_text_and_what_is_neither_is_named(
    servers: McpServers, web_shop: tuple[int, asyncio.Event]
):
    agent = agent_of(shop=local(web_shop[0]))
    await servers.refresh([agent])
    tools = servers.tools(agent)
    assert await run(tools, "shop_customer", '{"number": "7"}') == {"number": "7", "name": "Ada"}
    assert await run(tools, "shop_mixed") == "See:\n[image: image/png]\nin a file"
    with pytest.raises(ToolError, match="no such order") as raised:
        await run(tools, "shop_fail")
    assert len(str(raised.value)) <= 1000


async def test_bad_arguments_are_not_sent(servers: McpServers, web_shop: tuple[int, asyncio.Event]):
    agent = agent_of(shop=local(web_shop[0]))
    await servers.refresh([agent])
    for arguments in ("{}", '{"a": "1", "b": 2}', "[]", "{"):
        with pytest.raises(BadArgumentsError):
            await run(servers.tools(agent), "shop_add", arguments)


async def test_an_agent_has_the_tools_that_its_file_allows_under_names_that_the_model_accepts(
    servers: McpServers, web_shop: tuple[int, asyncio.Event], caplog: pytest.LogCaptureFixture
):
    port, _ = web_shop
    some = Agent("some", mcp={"crm": local(port, tools=("add", "greet", "no_such"), confirm=True)})
    everything = Agent("all", tools=("sh_op_greet",), mcp={"sh.op": local(port)})
    theirs = Agent("theirs", mcp={"crm": local(port, run_by="model")})
    await servers.refresh([some, everything, theirs])
    assert set(servers.tools(some)) == {"crm_add", "crm_greet"}
    assert servers.tools(some)["crm_add"].spec.policy.confirm
    assert servers.tools(theirs) == {}
    tools = servers.tools(everything)
    assert "sh_op_greet" not in tools  # its own comes first
    [long] = [name for name in tools if name.startswith("sh_op_a_name")]
    assert len(long) == 64
    assert await run(tools, long) == "long"
    assert servers.problems == [
        "some: mcp.crm: the server has no tool no_such",
        "all: mcp.sh.op: greet is left out, there is another sh_op_greet",
    ]
    assert [record.__dict__["problem"] for record in caplog.records if record.message == "mcp tool is not there"] == [
        "mcp.crm: the server has no tool no_such",
        "mcp.sh.op: greet is left out, there is another sh_op_greet",
    ]


async def test_a_slow_tool_delays_no_other_and_can_be_cancelled(
    servers: McpServers, web_shop: tuple[int, asyncio.Event]
):
    port, release = web_shop
    agent = agent_of(shop=local(port))
    await servers.refresh([agent])
    tools = servers.tools(agent)
    slow, cancelled = (asyncio.create_task(run(tools, "shop_slow")) for _ in range(2))
    assert await asyncio.gather(*(run(tools, "shop_greet", f'{{"name": "{n}"}}') for n in range(20))) == [
        f"Hello {n}" for n in range(20)
    ]
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert not slow.done()
    release.set()
    assert await slow == "done"


async def test_a_call_that_takes_too_long_is_given_up(web_shop: tuple[int, asyncio.Event]):
    servers = McpServers({}, patience=Patience(call_s=0.5), ssl_context=trusting())
    agent = agent_of(shop=local(web_shop[0]))
    await servers.refresh([agent])
    with pytest.raises(ToolError, match="took too long") as raised:
        await run(servers.tools(agent), "shop_slow")
    assert raised.value.ran
    assert servers.problems == []
    for _ in range(10):  # for a busy machine half a second may be too short, too
        with suppress(ToolError):
            assert await run(servers.tools(agent), "shop_greet", '{"name": "Ada"}') == "Hello Ada"
            break
    else:
        pytest.fail("it takes no more calls")
    await servers.close()


@pytest.mark.parametrize("options", [{}, {"json_response": True}, {"stateless_http": True}], ids=str)
async def test_a_server_that_is_restarted_is_connected_again(servers: McpServers, options: dict[str, Any]):
    async with over_http(shop(), **options) as port:
        agent = agent_of(shop=local(port))
        await servers.refresh([agent])
        tools = servers.tools(agent)
        assert await run(tools, "shop_greet", '{"name": "Ada"}') == "Hello Ada"
    with pytest.raises(ToolError):
        await run(tools, "shop_greet", '{"name": "Ada"}')
    with pytest.raises(ToolError, match="not available"):
        await run(tools, "shop_greet", '{"name": "Ada"}')
    async with over_http(shop(), port=port, **options):
        await eventually(lambda: not servers.problems)
        assert await run(tools, "shop_greet", '{"name": "Ada"}') == "Hello Ada"


async def test_a_server_that_is_slow_to_be_ready_delays_no_other(
    servers: McpServers, web_shop: tuple[int, asyncio.Event]
):
    async def silent(request: Any) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with serving(silent) as hanging:
        agent = agent_of(hangs=local(hanging.port), shop=local(web_shop[0]))
        refreshing = asyncio.create_task(servers.refresh([agent]))
        await eventually(lambda: "shop_greet" in servers.tools(agent))
        assert not refreshing.done()
        assert await run(servers.tools(agent), "shop_greet", '{"name": "Ada"}') == "Hello Ada"
        assert servers.problems == ["ada: mcp.hangs: is being connected"]
        refreshing.cancel()


async def test_a_server_that_is_never_ready_is_given_up_for_the_moment(web_shop: tuple[int, asyncio.Event]):
    async def silent(request: Any) -> bytes:
        await asyncio.Event().wait()
        return b""

    servers = McpServers({}, patience=Patience(connect_s=0.1), ssl_context=trusting())
    async with serving(silent) as hanging:
        await servers.refresh([agent_of(hangs=local(hanging.port))])
        assert servers.problems == ["ada: mcp.hangs: was not ready in time"]
        await servers.close()


async def test_what_the_agents_no_longer_name_is_let_go_and_what_has_changed_is_connected_anew(
    servers: McpServers, web_shop: tuple[int, asyncio.Event], caplog: pytest.LogCaptureFixture
):
    port, _ = web_shop
    before = agent_of(shop=local(port))
    with caplog.at_level(logging.INFO, "phoneagent"):
        await servers.refresh([before])
        tools = servers.tools(before)
        await servers.refresh([before, agent_of(same=local(port, tools=("add",)))])
    assert [record.message for record in caplog.records].count("mcp server is connected") == 1  # one for both
    assert await run(tools, "shop_greet", '{"name": "Ada"}') == "Hello Ada"

    after = agent_of(shop=local(port, headers={"X-Region": "eu"}))
    await servers.refresh([after])
    assert servers.tools(before) == {}
    assert await run(servers.tools(after), "shop_greet", '{"name": "Ada"}') == "Hello Ada"
    with pytest.raises(ToolError, match="not available"):
        await run(tools, "shop_greet", '{"name": "Ada"}')
    await servers.refresh([])
    assert (servers.tools(after), servers.problems) == ({}, [])


@pytest.mark.parametrize(
    ("answered", "problem"),
    [
        (answer(b" " * 2_000_000), "refuses the connection: Failed to parse JSON response: the answer is too long"),
        (answer({}, Content_Encoding="gzip"), "failed (RemoteProtocolError)"),
        (answer("hello", kind="text/html"), "refuses the connection: Unexpected content type: text/html"),
        (answer({}, 401), "refuses the connection: Server returned an error response"),
        (answer(b"", 307, Location="http://169.254.169.254/mcp"), "refuses the connection: Redirect to"),
    ],
)
async def test_a_server_with_improper_answers_is_refused(
    servers: McpServers, monkeypatch: pytest.MonkeyPatch, answered: bytes, problem: str
):
    network = watched(monkeypatch)
    async with serving(lambda request: answered) as server:
        await servers.refresh([agent_of(odd=local(server.port))])
        assert servers.problems[0].startswith(f"ada: mcp.odd: {problem}")
    assert set(network.dialled) == {"127.0.0.1"}


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_an_answer_in_thousands_of_parts_leaves_room_for_calls(servers: McpServers, kind: str):
    async with serving(lambda request: in_parts(5000, kind)) as server:
        assert await turns_during(servers.refresh([agent_of(odd=local(server.port))])) > 5000


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (McpServer(), "command: a server has either a command or a url"),
        (McpServer(command=PROGRAM, url="https://a.example/"), "command: a server has either a command or a url"),
        (McpServer(url="ftp://a.example/"), "url: must be https://host/path"),
        (McpServer(url="https:///mcp"), "url: must be https://host/path"),
        (McpServer(url="https://me:secret@a.example/"), "url: must be https://host/path"),
        (McpServer(url="http://a.example/"), "url: must begin with https:// (http:// needs allow_private)"),
        (
            McpServer(command=PROGRAM, run_by="model"),
            "run_by: the model's service can only call a server that has a url",
        ),
        (
            McpServer(url="https://a.example/", headers={"X": "${HOME}"}),
            "headers: ${HOME} is not among the variables that PHONEAGENT_TOOL_SECRETS lists",
        ),
    ],
)
def test_what_is_wrong_with_a_definition_is_said(server: McpServer, problem: str):
    assert problems(server, {"SHOP_TOKEN"}) == [problem]


def test_a_sound_definition_has_no_problems():
    assert problems(McpServer(url="https://a.example/", headers={"X": "${SHOP_TOKEN}"}), {"SHOP_TOKEN"}) == []
    assert problems(McpServer(command=PROGRAM, env={"X": "${ANY}"})) == []
