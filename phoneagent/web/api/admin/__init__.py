"""The API of the Settings page: what the service is told, who may do what, who is told what, and who has done what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from fastapi import APIRouter, Depends

from phoneagent.store import Store
from phoneagent.web.access.access import Access
from phoneagent.web.api.admin.account import account
from phoneagent.web.api.admin.audit import audit_log
from phoneagent.web.api.admin.keys import api_keys
from phoneagent.web.api.admin.settings import Setting, settings_shown
from phoneagent.web.api.admin.users import users
from phoneagent.web.api.admin.webhooks import webhooks
from phoneagent.web.api.guard import Needs


def administration(needs: Needs, access: Access, store: Store, settings: Sequence[Setting]) -> APIRouter:
    """The routes. `settings` are those of this process."""

    async def then_ask_again() -> AsyncIterator[None]:
        yield
        access.stays.ask_again()

    routes = APIRouter()
    for part in (
        settings_shown(needs, settings),
        webhooks(needs, store.webhooks, store.deliveries, store.audit),
        audit_log(needs, store.audit),
    ):
        routes.include_router(part)
    for part in (  # where it is changed who may what
        api_keys(needs, store.keys, store.audit),
        users(needs, store.users, store.audit),
        account(needs, access, store.users, store.sessions, store.audit),
    ):
        routes.include_router(part, dependencies=[Depends(then_ask_again)])
    return routes


__all__ = ["Setting", "administration"]
