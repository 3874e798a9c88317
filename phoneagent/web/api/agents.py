"""Agents are seen, tried out and changed: their files, what is wrong with them, and the versions that had calls."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import Header, Path, Query, Request, Response

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.editing import AgentText
from phoneagent.agents.schema import editors_schema
from phoneagent.web.access.principal import Principal
from phoneagent.web.api.agent_models import (
    AgentFile,
    AgentList,
    AgentName,
    AgentVersion,
    AgentVersionList,
    BrokenAgent,
    ChangedAgent,
    CheckedSource,
    EditedSource,
    ListedAgent,
    SavedAgent,
    UsedAgentVersion,
    WantedCheck,
    WantedEdit,
    WantedSource,
    problems_of,
    settings_of,
)
from phoneagent.web.api.backend import Backend, Given
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import MayAdminister, needs
from phoneagent.web.api.router import router

log = logging.getLogger(__name__)

routes = router("agents")

MAX_BODY = 1024 * 1024  # bytes: a file of the size that is taken, in JSON, where a character may be six

IfMatch = Annotated[str | None, Header(description="The `etag` of the file that is to be changed.")]
IfNoneMatch = Annotated[str | None, Header(description="`*`: there is to be no such agent yet.")]
Version = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,64}$")]
_CHANGES = declared(400, 404, 408, 409, 413, 428) | {
    412: {"model": ChangedAgent, "description": "The file is another by now."},
    422: {
        "model": BrokenAgent,
        "description": "It would leave an agent with errors; or the request is not understood.",
    },
}


@routes.get("/agents", dependencies=[needs("read")])
async def list_agents(backend: Given) -> AgentList:
    """The agents, by name."""
    directory = backend.directory
    names = {*directory.names}
    strays = [problem for problem in problems_of(directory.problems) if problem.file.removesuffix(".md") not in names]
    return AgentList(
        engine=backend.engine,
        writable=backend.editor.writable,
        agents=[_listed(directory, name) for name in directory.names],
        problems=strays,
    )


@routes.get("/agent-schema", dependencies=[needs("read")])
async def get_agent_schema(backend: Given) -> dict[str, Any]:
    """The JSON Schema of an agent file's front matter, with what this service knows by name as examples."""
    return editors_schema(tools=backend.directory.tools, agents=backend.directory.names)


@routes.post(
    "/agent-check",
    dependencies=[needs("admin")],
    responses=declared(400, 408, 413),
    openapi_extra=body(WantedCheck),
)
async def check_agent(request: Request, backend: Given) -> CheckedSource:
    """What saving a text would come to; nothing is saved."""
    wanted = await read(request, WantedCheck, at_most=MAX_BODY)
    draft = await backend.aside(backend.editor.draft, wanted.name, wanted.source)
    return CheckedSource(problems=problems_of(draft.problems), settings=draft.agent and settings_of(draft.agent))


@routes.post(
    "/agent-edit",
    dependencies=[needs("admin")],
    responses=declared(400, 408, 413),
    openapi_extra=body(WantedEdit),
)
async def edit_agent(request: Request, backend: Given) -> EditedSource:
    """A text with settings changed in it; nothing is saved."""
    return await backend.aside((await read(request, WantedEdit, at_most=MAX_BODY)).made)


@routes.get("/agents/{name}", dependencies=[needs("read")], responses=declared(404, 409))
async def get_agent(name: AgentName, response: Response, backend: Given) -> AgentFile:
    """An agent, and its file."""
    found = await _present(backend, name)
    response.headers["ETag"] = f'"{found.etag}"'
    agent = backend.directory.by_name(name)
    chain = [file.removesuffix(".md") for file in agent.source] if agent else []
    listed = _listed(backend.directory, name)
    return AgentFile(**dict(listed), source=found.text, etag=found.etag, extends=chain[1:])


@routes.put("/agents/{name}", responses={**_CHANGES, 201: {"model": SavedAgent}}, openapi_extra=body(WantedSource))
async def save_agent(
    request: Request,
    response: Response,
    name: AgentName,
    backend: Given,
    by: MayAdminister,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> SavedAgent:
    """Save an agent's file, unless it would be broken, or is another by now; or make a new one."""
    wanted = await read(request, WantedSource, at_most=MAX_BODY)
    before = _answering(backend.directory, name)
    if (if_none_match or "").strip() == "*":
        written = await backend.aside(backend.editor.create, name, wanted.source)
        response.status_code = 201
    else:
        written = await backend.aside(backend.editor.replace, name, wanted.source, _seen(if_match))
    await backend.directory.refresh()
    action = "agent.create" if response.status_code == 201 else "agent.save"
    await _note(backend, by, action, name, before=before, after=_answering(backend.directory, name))
    response.headers["ETag"] = f'"{written.etag}"'
    listed = _listed(backend.directory, name)
    return SavedAgent(name=name, etag=written.etag, version=listed.version, problems=listed.problems)


@routes.delete("/agents/{name}", status_code=204, responses=_CHANGES)
async def delete_agent(name: AgentName, backend: Given, by: MayAdminister, if_match: IfMatch = None) -> None:
    """Delete an agent's file, unless another one needs it. What is kept of its calls stays."""
    await _present(backend, name)
    before = _answering(backend.directory, name)
    await backend.aside(backend.editor.delete, name, _seen(if_match))
    await backend.directory.refresh()
    await _note(backend, by, "agent.delete", name, before=before, after=None)


@routes.get("/agents/{name}/versions", dependencies=[needs("read")])
async def list_agent_versions(
    name: AgentName, backend: Given, limit: Annotated[int, Query(ge=1, le=200)] = 100
) -> AgentVersionList:
    """The versions that had calls, also of an agent that is no more."""
    used = await backend.store.agent_versions.of(name, limit=limit)
    return AgentVersionList(
        current=_answering(backend.directory, name),
        versions=[UsedAgentVersion.model_validate(each, from_attributes=True) for each in used],
    )


@routes.get("/agents/{name}/versions/{version}", dependencies=[needs("read")], responses=declared(404))
async def get_agent_version(name: AgentName, version: Version, backend: Given) -> AgentVersion:
    """A version that had calls, as its files were."""
    if (found := await backend.store.agent_versions.files(name, version)) is None:
        raise ApiError(404, "unknown_version", f"{name!r} had no calls with such a version")
    return AgentVersion.model_validate(found, from_attributes=True)


def _answering(directory: AgentDirectory, name: str) -> str | None:
    """The version that answers."""
    agent = directory.by_name(name)
    return agent.version if agent else None


async def _present(backend: Backend, name: str) -> AgentText:
    found = await backend.aside(backend.editor.read, name)
    if found is None:
        raise ApiError(404, "unknown_agent", f"there is no agent {name!r}")
    return found


async def _note(backend: Backend, by: Principal, action: str, name: str, **versions: str | None) -> None:
    log.info("an agent file was changed", extra={"agent": name, "action": action, "by": by.id})
    await backend.store.audit.note(by.name, by.kind, action, data={"agent": name, **versions})


def _listed(directory: AgentDirectory, name: str) -> ListedAgent:
    agent = directory.by_name(name)
    problems = [problem for problem in problems_of(directory.problems) if problem.file == f"{name}.md"]
    broken = any(problem.severity == "error" for problem in problems)
    return ListedAgent(
        name=name,
        state="broken" if agent is None else "last_good" if broken else "current",
        version=agent and agent.version,
        numbers=list(agent.numbers) if agent else [],
        settings=agent and settings_of(agent),
        problems=problems,
    )


def _seen(if_match: str | None) -> str:
    """The etag of the file that whoever asks has seen. Raises ApiError."""
    if if_match is None:
        raise ApiError(
            428, "not_said_which", "send If-Match with the etag of the file, or If-None-Match: * for a new agent"
        )
    return if_match.strip().removeprefix("W/").strip('"')
