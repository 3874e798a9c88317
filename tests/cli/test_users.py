"""`phoneagent users`, typed into a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from phoneagent.cli import main
from phoneagent.store import Store
from tests.store.new_database import store_at

PASSWORD, OTHER = "correct horse", "battery staple"


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., Result]:
    def type_(*arguments: str, input: str | None = None, group: str = "users") -> Result:
        environ = {"PHONEAGENT_DATA": str(tmp_path)}
        return CliRunner().invoke(main, [group, *arguments], env=environ, input=input, catch_exceptions=False)

    return type_


def in_store(folder: Path, work: Callable[[Store], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        store = await store_at(folder / "phoneagent.db")
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def gets_in(folder: Path, name: str, password: str) -> bool:
    return in_store(folder, lambda store: store.users.check(name, password)) is not None


def test_a_user_is_added_with_a_password_that_nobody_sees(typed, tmp_path):
    result = typed("add", "Ada", "--role", "operator", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "added ada")
    assert PASSWORD not in result.output
    assert gets_in(tmp_path, "ada", PASSWORD)
    listed = typed("list").output
    assert "ada" in listed
    assert "operator" in listed


def test_a_script_gives_the_password_by_standard_input(typed, tmp_path):
    for ending in ("\n", "\r\n", ""):
        assert typed("add", "ada", "--role", "viewer", "--password-stdin", input=PASSWORD + ending).exit_code == 0
        assert gets_in(tmp_path, "ada", PASSWORD)
        assert typed("remove", "ada").exit_code == 0
        assert typed("list").output == "No users.\n"


@pytest.mark.parametrize(
    ("arguments", "input", "words"),
    [
        (("add", "ada", "--role", "viewer", "--password-stdin"), "short\n", "10 to 1000 characters"),
        (("add", " ", "--role", "viewer", "--password-stdin"), f"{PASSWORD}\n", "1 to 50 characters"),
        (("add", "BOB", "--role", "viewer", "--password-stdin"), f"{PASSWORD}\n", "there is a user 'bob' already"),
        (("add", "ada", "--password-stdin"), f"{PASSWORD}\n", "--role"),
        (("add", "ada", "--role", "owner", "--password-stdin"), f"{PASSWORD}\n", "owner"),
        (("password", "nobody", "--password-stdin"), f"{PASSWORD}\n", "no user 'nobody': phoneagent users list"),
        (("role", "nobody", "viewer"), "", "no user 'nobody'"),
        (("remove", "nobody"), "", "no user 'nobody'"),
    ],
)
def test_what_cannot_be_is_said(typed, tmp_path, arguments, input, words):
    typed("add", "bob", "--role", "admin", "--password-stdin", input=f"{PASSWORD}\n")
    result = typed(*arguments, input=input)
    assert result.exit_code != 0
    assert words in result.output


def test_password_and_role_change_and_end_the_sessions(typed, tmp_path):
    typed("add", "ada", "--role", "viewer", "--password-stdin", input=PASSWORD)

    async def session(store: Store) -> str:
        return await store.sessions.begin(user_id=(await store.users.named("ada")).id)

    for change, input in [(("password", "ada", "--password-stdin"), OTHER), (("role", "ada", "admin"), None)]:
        cookie = in_store(tmp_path, session)
        assert typed(*change, input=input).output.splitlines()[-1] == "changed"
        assert in_store(tmp_path, lambda store, cookie=cookie: store.sessions.find(cookie)) is None
    assert gets_in(tmp_path, "ada", OTHER)
    assert "admin" in typed("list").output


def test_whoever_has_the_machine_may_remove_even_the_last_admin(typed):
    typed("add", "ada", "--role", "admin", "--password-stdin", input=PASSWORD)
    assert typed("role", "ada", "viewer").exit_code == 0
    assert typed("role", "ada", "admin").exit_code == 0
    assert typed("remove", "ada").exit_code == 0


def test_all_of_it_is_in_the_audit_log(typed, tmp_path):
    typed("add", "ada", "--role", "admin", "--password-stdin", input=PASSWORD)
    typed("password", "ada", "--password-stdin", input=OTHER)
    typed("role", "ada", "viewer")
    typed("remove", "ada")
    typed("create", "shop", group="keys")
    typed("revoke", "shop", group="keys")
    typed("revoke", "shop", group="keys")
    deeds = in_store(tmp_path, lambda store: store.audit.page()).deeds
    actions = ["user.add", "user.password", "user.role", "user.remove", "key.create", "key.revoke"]
    assert [deed.action for deed in reversed(deeds)] == actions
    assert {deed.kind for deed in deeds} == {"cli"}
    assert all(deed.actor for deed in deeds)
    assert not any(secret in str(deed.data) for deed in deeds for secret in (PASSWORD, OTHER))
