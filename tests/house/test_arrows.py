"""Imports point one way; docs/architecture.md draws the arrows."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.house.tree import PACKAGE, ROOT, imports, modules, nodes, where

LEAVES = {"core", "parsers", "contradictions", "settings", "shown", "telemetry", "prices", "tls", "__init__"}
ROOMS = {"twilio", "engines", "tools", "store", "local", "agents", "simulate"}
PARTS = {"storage", "account", "port", "engine"}  # what the settings name, opened

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "parsers": set(),
    "contradictions": {"parsers"},
    "settings": {"parsers", "contradictions"},
    "shown": {"settings"},
    "telemetry": {"core"},
    "prices": {"core"},
    "tls": set(),
    "__init__": set(),
    **{room: {"core"} for room in ROOMS},
    "records": {"core", "telemetry", "prices", "tls", "store", "tools", "agents"},
    "calls": {"core", "telemetry", "prices"} | ROOMS,
    "web": {"core", "calls", "records"} | ROOMS,
    "storage": {"settings", "store"},
    "account": {"settings", "twilio"},
    "port": {"settings"},
    "engine": {"settings", "port", "engines", "local"},
    "keeping": LEAVES | ROOMS | {"calls", "records"},
    "roster": LEAVES | ROOMS | {"calls"},
    "app": LEAVES | ROOMS | {"calls", "records", "web", "keeping", "roster"} | PARTS,
    "ops": LEAVES | ROOMS | {"calls", "records", "web", "roster", "app"} | PARTS,
    "demo": LEAVES | ROOMS | {"calls", "web", "app"},
    "trial": LEAVES | ROOMS | {"calls", "web", "app", "demo"},
    "cli": LEAVES | ROOMS | {"calls", "records", "web", "keeping", "roster", "app", "ops", "demo", "trial"} | PARTS,
    "__main__": {"cli"},
}
MAY_IMPORT["simulate"] |= {"twilio"}  # the fake phone signs and reads as Twilio does
for connects in ("engines", "tools", "simulate"):
    MAY_IMPORT[connects] |= {"tls"}
MAY_IMPORT["local"] |= {"agents", "telemetry"}  # the dialogue that it speaks from; it logs in a process of its own

ONLY_IN = {  # package: who may import it
    "twilio": {"twilio"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "dotenv": {"settings"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "mcp": {"tools"},
    "phonenumbers": {"agents"},
    "soundfile": {"calls"},
    "obstore": {"store"},
    "jinja2": {"web"},
    "standardwebhooks": {"records"},
    "argon2": {"store"},
    "limits": {"web"},
}

NOT_IN_CORE = {"asyncio", "socket", "time", "random", "secrets", "os", "threading", "subprocess", "pathlib", "io"}

ENVIRONMENT = {"environ", "environb", "getenv", "putenv"}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def room_of(imported: str) -> str | None:
    """The room that a full name lies in, None if it is not ours."""
    parts = imported.split(".")
    if parts[0] != "phoneagent":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "__init__"


def test_every_room_has_its_arrows() -> None:
    assert {room(path) for path in modules()} <= MAY_IMPORT.keys()


def test_imports_point_one_way() -> None:
    offences = []
    for path in modules():
        mine = room(path)
        allowed = MAY_IMPORT[mine] | {mine, "__init__"}
        for node, name in imports(path):
            other = room_of(name)
            if other is not None and other not in allowed:
                may = ", ".join(sorted(allowed - {"__init__"}))
                offences.append(f"{where(path, node)} imports {name}; {mine} may import {may}")
            if (mine, other) == ("local", "agents") and not name.startswith("phoneagent.agents.dialogue"):
                offences.append(f"{where(path, node)} imports {name}; local may import the dialogue only")
    assert not offences, "\n".join(offences)


def test_each_foreign_package_has_its_place() -> None:
    offences = []
    for path in modules():
        for node, name in imports(path):
            package = name.split(".")[0]
            places = ONLY_IN.get(package)
            if places and room(path) not in places:
                offences.append(f"{where(path, node)} imports {package}, which belongs to {', '.join(places)}")
    assert not offences, "\n".join(offences)


def test_the_core_is_pure() -> None:
    offences = []
    for path in modules():
        if room(path) != "core":
            continue
        for node, name in imports(path):
            package = name.split(".")[0]
            standard = package in sys.stdlib_module_names and package not in NOT_IN_CORE
            if package != "phoneagent" and not standard:
                offences.append(f"{where(path, node)} imports {package}")
    assert not offences, "\n".join(offences)


def test_only_settings_reads_the_environment() -> None:
    offences = []
    for path in modules():
        if room(path) == "settings":
            continue
        for node in nodes(path):
            match node:
                case ast.Attribute(value=ast.Name(id="os"), attr=attr) if attr in ENVIRONMENT:
                    offences.append(f"{where(path, node)} reads os.{attr}")
                case ast.ImportFrom(module="os", names=names) if ENVIRONMENT & {alias.name for alias in names}:
                    offences.append(f"{where(path, node)} imports the environment from os")
    assert not offences, "\n".join(offences)


IMPORT_ALL = """
import importlib, logging, sys, threading
import urllib3.util.connection  # opens a socket on import, to see whether this machine has IPv6

FORBIDDEN = {"socket.__new__", "socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.mkdir"}

def watch(event, arguments):
    if event in FORBIDDEN:
        raise SystemExit(f"{module} does {event} on import")

handlers = logging.getLogger().handlers[:]
module = ""
sys.addaudithook(watch)
for module in sys.argv[1:]:
    importlib.import_module(module)
    if threading.active_count() > 1:
        raise SystemExit(f"{module} starts a thread on import")
    if logging.getLogger().handlers != handlers:
        raise SystemExit(f"{module} sets up logging on import")
"""


def test_importing_a_module_only_defines_things() -> None:
    """All modules in a fresh process, where an import that opens or starts something is refused."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules()]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
