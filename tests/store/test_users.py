"""Users of the console and their sessions: who gets in, and until when."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from phoneagent.store.database import open_database
from phoneagent.store.passwords import Passwords
from phoneagent.store.sessions import Sessions
from phoneagent.store.users import UserRefusedError, Users
from tests.store.clock import NOON, Clock

PASSWORD, OTHER = "correct horse", "battery staple"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
QUICKER_NO_MORE = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)


@pytest.fixture
async def database(address):
    database = await open_database(address)
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(database, clock) -> Users:
    return Users(database, Passwords(QUICK), clock)


@pytest.fixture
def sessions(database, clock) -> Sessions:
    return Sessions(database, clock)


async def refused(work) -> str:
    with pytest.raises(UserRefusedError) as error:
        await work
    return error.value.refusal


async def test_a_user_gets_in_with_name_and_password(users, clock):
    ada = await users.add("Ada", "operator", PASSWORD)
    assert ada.scopes == {"read", "call"}
    clock.now += timedelta(hours=1)
    found = await users.check(" ADA ", PASSWORD)
    assert (found.id, found.name, found.last_login) == (ada.id, "ada", clock.now)
    assert [user.last_login for user in await users.list()] == [clock.now]


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", OTHER), ("ada", PASSWORD + "x"), ("ada", ""), ("bob", PASSWORD), ("", ""), ("ada", PASSWORD * 1000)],
)
async def test_nobody_else_does(users, name, password):
    await users.add("ada", "admin", PASSWORD)
    assert await users.check(name, password) is None
    assert [user.last_login for user in await users.list()] == [None]


async def test_a_name_that_nobody_has_costs_as_much(users):
    hashed: list[str] = []
    users._passwords._hasher = Counting(hashed)
    await users.add("ada", "admin", PASSWORD)
    hashed.clear()
    assert await users.check("ada", OTHER) is None
    assert await users.check("nobody", OTHER) is None
    assert hashed == ["verify", "hash"]


class Counting(PasswordHasher):
    def __init__(self, hashed: list[str]) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.hashed = hashed

    def hash(self, *arguments, **options):
        self.hashed.append("hash")
        return super().hash(*arguments, **options)

    def verify(self, *arguments, **options):
        self.hashed.append("verify")
        return super().verify(*arguments, **options)


async def test_only_a_hash_is_kept(users, database):
    await users.add("ada", "admin", PASSWORD)
    async with database.begin() as connection:
        [row] = await connection.execute(text("SELECT * FROM users"))
    assert row.password.startswith("$argon2id$")
    assert PASSWORD not in str(row)


async def test_a_hash_of_former_days_is_made_anew(users, database, clock):
    await users.add("ada", "admin", PASSWORD)
    passwords = Passwords(QUICKER_NO_MORE)
    today = Users(database, passwords, clock)
    for _ in range(2):
        assert await today.check("ada", PASSWORD) is not None
    async with database.begin() as connection:
        [row] = await connection.execute(text("SELECT password FROM users"))
    assert not passwords.outdated(row.password)


async def test_the_same_characters_are_the_same_password_on_every_keyboard(users):
    await users.add("zoë", "viewer", "ein Käsekuchen")
    assert await users.check("zoe\u0308", "ein Ka\u0308sekuchen") is not None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "\u202eada", "x" * 51])
async def test_a_name_that_cannot_be_seen_is_refused(users, name):
    assert await refused(users.add(name, "viewer", PASSWORD)) == "bad_name"


@pytest.mark.parametrize("password", ["", "x" * 9, "x" * 1001])
async def test_a_short_password_is_refused(users, password):
    assert await refused(users.add("ada", "viewer", password)) == "bad_password"
    ada = await users.add("ada", "viewer", PASSWORD)
    assert await refused(users.set_password(ada.id, password)) == "bad_password"
    assert await users.check("ada", PASSWORD) is not None


async def test_a_name_is_taken_however_it_is_capitalised(users):
    await users.add("Ada", "viewer", PASSWORD)
    assert await refused(users.add("ADA", "admin", OTHER)) == "name_taken"
    assert [user.role for user in await users.list()] == ["viewer"]


async def test_the_last_admin_stays(users):
    ada, bob, eve = [await users.add(name, "admin", PASSWORD) for name in ("ada", "bob", "eve")]
    assert await users.set_role(ada.id, "viewer")
    assert await users.remove(bob.id)
    assert await refused(users.remove(eve.id)) == "last_admin"
    assert await refused(users.set_role(eve.id, "operator")) == "last_admin"
    assert await users.set_role(eve.id, "admin")
    assert await users.remove(ada.id)
    assert await users.remove(eve.id, even_last=True)
    assert not await users.exist()


async def test_two_admins_cannot_remove_each_other(users):
    ada, bob = [await users.add(name, "admin", PASSWORD) for name in ("ada", "bob")]
    done = await asyncio.gather(users.remove(ada.id), users.remove(bob.id), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["UserRefusedError", "bool"]
    assert len(await users.list()) == 1


async def test_what_is_not_there_can_not_be_changed(users):
    assert not await users.remove("nobody")
    assert not await users.set_role("nobody", "viewer")
    assert not await users.set_password("nobody", PASSWORD)
    assert await users.named("nobody") is None


async def test_a_session_is_known_by_its_cookie_of_which_a_hash_is_kept(users, sessions, database):
    ada = await users.add("ada", "operator", PASSWORD)
    cookie = await sessions.begin(user_id=ada.id)
    found = await sessions.find(cookie)
    assert (found.user, found.credential) == (ada, None)
    async with database.begin() as connection:
        [row] = await connection.execute(text("SELECT * FROM sessions"))
    assert cookie not in str(row)
    for other in ("", found.hash, cookie[:-1], "\ud800"):
        assert await sessions.find(other) is None


async def test_a_session_of_a_credential_is_no_users(sessions):
    found = await sessions.find(await sessions.begin(credential="c"))
    assert (found.user, found.credential) == (None, "c")


async def test_a_session_ends_after_12_idle_hours(sessions, clock):
    cookie = await sessions.begin(credential="c")
    for _ in range(3):
        clock.now += timedelta(hours=11, minutes=59)
        assert await sessions.find(cookie) is not None
    clock.now += timedelta(hours=12)
    assert await sessions.find(cookie) is None


async def test_a_session_ends_after_7_days_whatever_is_done(sessions, clock):
    cookie = await sessions.begin(credential="c")
    while clock.now < NOON + timedelta(days=7):
        assert await sessions.find(cookie) is not None
        clock.now += timedelta(hours=8)
    assert await sessions.find(cookie) is None


async def test_use_is_written_down_once_a_minute(sessions, clock, database):
    cookie, seen = await sessions.begin(credential="c"), []
    for _ in range(4):
        await sessions.find(cookie)
        async with database.begin() as connection:
            seen.append((await connection.execute(text("SELECT seen FROM sessions"))).scalar_one())
        clock.now += timedelta(seconds=25)
    assert seen[0] == seen[1] == seen[2] != seen[3]


async def test_sessions_that_are_over_are_forgotten(sessions, clock, database):
    for _ in range(3):
        cookie = await sessions.begin(credential="c")
    clock.now += timedelta(hours=13)
    await sessions.begin(credential="c")
    async with database.begin() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM sessions"))).scalar_one() == 1
    assert await sessions.find(cookie) is None


async def test_logging_out_ends_one_session(sessions):
    here, there = [await sessions.begin(credential="c") for _ in range(2)]
    await sessions.end(here)
    assert await sessions.find(here) is None
    assert await sessions.find(there) is not None


async def test_everywhere_else_means_ones_own_sessions(users, sessions):
    ada, bob = [await users.add(name, "viewer", PASSWORD) for name in ("ada", "bob")]
    cookies = [await sessions.begin(user_id=id_) for id_ in (ada.id, ada.id, bob.id)]
    cookies += [await sessions.begin(credential=each) for each in ("c", "c", "d")]
    assert await sessions.end_others(await sessions.find(cookies[0])) == 1
    assert await sessions.end_others(await sessions.find(cookies[3])) == 1
    assert [await sessions.find(cookie) is not None for cookie in cookies] == [True, False, True, True, False, True]


async def test_another_password_ends_the_other_sessions(users, sessions):
    ada = await users.add("ada", "viewer", PASSWORD)
    here, there = [await sessions.begin(user_id=ada.id) for _ in range(2)]
    assert await users.set_password(ada.id, OTHER, keep=(await sessions.find(here)).hash)
    assert await sessions.find(here) is not None
    assert await sessions.find(there) is None
    assert await users.check("ada", PASSWORD) is None
    assert await users.check("ada", OTHER) is not None


@pytest.mark.parametrize("change", ["role", "removal", "password"])
async def test_what_takes_something_from_a_user_ends_their_sessions(users, sessions, change):
    ada, bob = [await users.add(name, "admin", PASSWORD) for name in ("ada", "bob")]
    cookie, others = await sessions.begin(user_id=ada.id), await sessions.begin(user_id=bob.id)
    match change:
        case "role":
            await users.set_role(ada.id, "viewer")
        case "removal":
            await users.remove(ada.id)
        case "password":
            await users.set_password(ada.id, OTHER)
    assert await sessions.find(cookie) is None
    assert await sessions.find(others) is not None


async def test_a_fingerprint_is_always_the_same(users):
    passwords = Passwords(QUICK)
    prints = [await passwords.fingerprint(each) for each in (PASSWORD, PASSWORD, OTHER)]
    assert prints[0] == prints[1] != prints[2]
    assert len(prints[0]) == 64
