"""Routes are looked through once a process, before a service listens: that takes a while, in which all calls wait."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import routing
from fastapi.dependencies import utils

from phoneagent.simulate.scripted_model import ScriptedModel
from phoneagent.web import api, console
from tests.calls.service import serving, write_agent


@pytest.fixture
def looked_through(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules of the functions that FastAPI looks through, in a process that has made no service yet."""
    found: list[str] = []
    look_through = utils.get_dependant

    def noting(*args, **kwargs):
        found.append(kwargs["call"].__module__)
        return look_through(*args, **kwargs)

    for module in (utils, routing):
        monkeypatch.setattr(module, "get_dependant", noting)
    for part in (api, console):
        part.application.cache_clear()
    return found


async def test_no_request_waits_for_it_nor_does_another_service(tmp_path: Path, looked_through: list[str]):
    write_agent(tmp_path)
    async with ScriptedModel() as model:
        for _ in range(2):
            async with serving(tmp_path, model) as service:
                assert set(looked_through) == {"phoneagent.web.app"}  # the few webhooks
                looked_through.clear()
                async with httpx.AsyncClient(base_url=service.url, trust_env=False) as http:
                    for path, status in {"/api/account": 401, "/api/openapi.json": 200, "/login": 303}.items():
                        assert (await http.get(path)).status_code == status
                assert looked_through == []
