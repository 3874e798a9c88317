"""Agents are seen, tried out and changed: their files, what is wrong with them, and the versions that had calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header, Path, Query, Request, Response

from phoneagent.agents.directory import AgentDirectory
from phoneagent.agents.editing import AgentText, BrokenError, ChangedMeanwhileError, Editor, NotWritableError
from phoneagent.agents.edits import NotEditableError
from phoneagent.agents.schema import editors_schema
from phoneagent.store.agent_versions import AgentVersions
from phoneagent.store.audit import Audit
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
from phoneagent.web.api.bodies import body, read
from phoneagent.web.api.errors import ApiError, declared
from phoneagent.web.api.guard import Needs

log = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024  # bytes: a file of the size that is taken, in JSON, where a character may be six

Result = TypeVar("Result")
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


def agents(needs: Needs, directory: AgentDirectory, versions: AgentVersions, audit: Audit, *, engine: str) -> APIRouter:
    """The routes. `engine` is the name of what holds the conversations."""
    routes = APIRouter(tags=["agents"])
    may_read, may_administer = needs("read"), needs("admin")
    editor = Editor(directory)
    one_at_a_time = asyncio.Lock()  # YAML is read in Python: calls go on meanwhile, but not beside many of these

    async def aside(work: Callable[..., Result], *args: Any) -> Result:
        """What comes of work that blocks. Raises ApiError."""
        async with one_at_a_time:
            try:
                return await asyncio.to_thread(work, *args)
            except BrokenError as error:
                raise _broken(error) from None
            except ChangedMeanwhileError as error:
                raise _changed(error) from None
            except NotWritableError as error:
                raise ApiError(409, "not_writable", str(error)) from None
            except NotEditableError as error:
                raise ApiError(422, "not_editable", str(error)) from None
            except ValueError as error:
                raise ApiError(422, "bad_name", str(error)) from None

    @routes.get("/agents", dependencies=[may_read])
    async def list_agents() -> AgentList:
        """The agents, by name."""
        names = {*directory.names}
        strays = [
            problem for problem in problems_of(directory.problems) if problem.file.removesuffix(".md") not in names
        ]
        return AgentList(
            engine=engine,
            writable=editor.writable,
            agents=[_listed(directory, name) for name in directory.names],
            problems=strays,
        )

    @routes.get("/agent-schema", dependencies=[may_read])
    async def get_agent_schema() -> dict[str, Any]:
        """The JSON Schema of an agent file's front matter, with what this service knows by name as examples."""
        return editors_schema(tools=directory.tools, agents=directory.names)

    @routes.post(
        "/agent-check",
        dependencies=[may_administer],
        responses=declared(400, 408, 413),
        openapi_extra=body(WantedCheck),
    )
    async def check_agent(request: Request) -> CheckedSource:
        """What saving a text would come to; nothing is saved."""
        wanted = await read(request, WantedCheck, at_most=MAX_BODY)
        draft = await aside(editor.draft, wanted.name, wanted.source)
        return CheckedSource(problems=problems_of(draft.problems), settings=draft.agent and settings_of(draft.agent))

    @routes.post(
        "/agent-edit",
        dependencies=[may_administer],
        responses=declared(400, 408, 413),
        openapi_extra=body(WantedEdit),
    )
    async def edit_agent(request: Request) -> EditedSource:
        """A text with settings changed in it; nothing is saved."""
        return await aside((await read(request, WantedEdit, at_most=MAX_BODY)).made)

    @routes.get("/agents/{name}", dependencies=[may_read], responses=declared(404, 409))
    async def get_agent(name: AgentName, response: Response) -> AgentFile:
        """An agent, and its file."""
        found = await present(name)
        response.headers["ETag"] = f'"{found.etag}"'
        agent = directory.by_name(name)
        chain = [file.removesuffix(".md") for file in agent.source] if agent else []
        listed = _listed(directory, name)
        return AgentFile(**dict(listed), source=found.text, etag=found.etag, extends=chain[1:])

    @routes.put("/agents/{name}", responses={**_CHANGES, 201: {"model": SavedAgent}}, openapi_extra=body(WantedSource))
    async def save_agent(
        request: Request,
        response: Response,
        name: AgentName,
        by: Principal = may_administer,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatch = None,
    ) -> SavedAgent:
        """Save an agent's file, unless it would be broken, or is another by now; or make a new one."""
        wanted = await read(request, WantedSource, at_most=MAX_BODY)
        before = answering(name)
        if (if_none_match or "").strip() == "*":
            written = await aside(editor.create, name, wanted.source)
            response.status_code = 201
        else:
            written = await aside(editor.replace, name, wanted.source, _seen(if_match))
        await directory.refresh()
        action = "agent.create" if response.status_code == 201 else "agent.save"
        await note(by, action, name, before=before, after=answering(name))
        response.headers["ETag"] = f'"{written.etag}"'
        listed = _listed(directory, name)
        return SavedAgent(name=name, etag=written.etag, version=listed.version, problems=listed.problems)

    @routes.delete("/agents/{name}", status_code=204, responses=_CHANGES)
    async def delete_agent(name: AgentName, by: Principal = may_administer, if_match: IfMatch = None) -> None:
        """Delete an agent's file, unless another one needs it. What is kept of its calls stays."""
        await present(name)
        before = answering(name)
        await aside(editor.delete, name, _seen(if_match))
        await directory.refresh()
        await note(by, "agent.delete", name, before=before, after=None)

    @routes.get("/agents/{name}/versions", dependencies=[may_read])
    async def list_agent_versions(
        name: AgentName, limit: Annotated[int, Query(ge=1, le=200)] = 100
    ) -> AgentVersionList:
        """The versions that had calls, also of an agent that is no more."""
        used = await versions.of(name, limit=limit)
        return AgentVersionList(
            current=answering(name),
            versions=[UsedAgentVersion.model_validate(each, from_attributes=True) for each in used],
        )

    @routes.get("/agents/{name}/versions/{version}", dependencies=[may_read], responses=declared(404))
    async def get_agent_version(name: AgentName, version: Version) -> AgentVersion:
        """A version that had calls, as its files were."""
        if (found := await versions.files(name, version)) is None:
            raise ApiError(404, "unknown_version", f"{name!r} had no calls with such a version")
        return AgentVersion.model_validate(found, from_attributes=True)

    def answering(name: str) -> str | None:
        """The version that answers."""
        agent = directory.by_name(name)
        return agent.version if agent else None

    async def present(name: str) -> AgentText:
        found = await aside(editor.read, name)
        if found is None:
            raise ApiError(404, "unknown_agent", f"there is no agent {name!r}")
        return found

    async def note(by: Principal, action: str, name: str, **versions: str | None) -> None:
        log.info("an agent file was changed", extra={"agent": name, "action": action, "by": by.id})
        await audit.note(by.name, by.kind, action, data={"agent": name, **versions})

    return routes


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


def _broken(error: BrokenError) -> ApiError:
    problems = [problem.model_dump() for problem in problems_of(error.problems)]
    return ApiError(
        422, "broken", "an agent would be left with errors: nothing was saved", details={"problems": problems}
    )


def _changed(error: ChangedMeanwhileError) -> ApiError:
    present = error.present
    details = {"source": present and present.text, "etag": present and present.etag}
    return ApiError(412, "changed", f"{error}: nothing was saved", details=details)
