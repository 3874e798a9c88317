"""A command starts quickly because it loads what it needs and no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

HEAVY = {"aiohttp", "alembic", "fastapi", "httpx", "httpx2", "mcp", "numpy", "pydantic", "requests", "sqlalchemy"}

LOADED = """
import json, sys
from phoneagent.cli import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    ("command", "needs"),
    [
        (["--help"], set()),
        (["calls", "--help"], set()),
        (["costs", "--estimate", "minutes=5"], set()),
        (["keys", "list"], {"sqlalchemy", "pydantic"}),
        (["numbers"], {"httpx", "pydantic", "requests"}),
    ],
    ids=["help", "help of a group", "an estimate", "the database", "the account"],
)
def test_a_command_loads_no_more_than_it_needs(tmp_path: Path, command: list[str], needs: set[str]) -> None:
    if "keys" in command:  # the first to use a database migrates it
        _loaded(tmp_path, command)
    assert _loaded(tmp_path, command) & HEAVY == needs


def test_a_service_without_mcp_servers_does_not_load_what_talks_to_them() -> None:
    run = [
        sys.executable,
        "-c",
        "import sys, phoneagent.app; sys.exit('mcp' in sys.modules or 'httpx2' in sys.modules)",
    ]
    assert subprocess.run(run, cwd=ROOT, check=False).returncode == 0


def _loaded(home: Path, command: list[str]) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", LOADED, *command],
        cwd=home,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))
