"""Who gets in to the console: users, whoever knows PHONEAGENT_ADMIN_PASSWORD, and without either this machine."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from phoneagent.core.scopes import ROLES
from phoneagent.store.audit import Audit
from phoneagent.store.passwords import LONGEST, Passwords
from phoneagent.store.sessions import Session, Sessions
from phoneagent.store.users import Users, folded
from phoneagent.web.access.failures import FailedLogins
from phoneagent.web.access.principal import Principal
from phoneagent.web.access.stays import Stays
from phoneagent.web.access.throttle import LoginThrottle
from phoneagent.web.access.visitor import Visitor
from phoneagent.web.address import is_loopback
from phoneagent.web.guard import RequestHead, of_this_machine

COOKIE = "phoneagent_session"
DEVICE_COOKIE = "phoneagent_device"
ADMIN = "admin"
"""The name of whoever knows PHONEAGENT_ADMIN_PASSWORD."""

_REMEDY = "set PHONEAGENT_ADMIN_PASSWORD, or add a user (phoneagent users add)"
OPEN_HERE_ONLY = f"the console is open to this machine only: {_REMEDY}"
CLOSED = f"nobody gets in to the console of a service that is reached from elsewhere: {_REMEDY}"
_LOCAL = "local"
_MOST_AT_ONCE = 16


class CrowdedError(Exception):
    """So many log in at this moment that nobody more is heard."""


class Access:
    """Lets people in, and knows them again. Every method raises StoreError."""

    def __init__(
        self,
        users: Users,
        sessions: Sessions,
        passwords: Passwords,
        audit: Audit,
        public_url: str,
        *,
        admin: str | None = None,
        throttle: LoginThrottle | None = None,
    ) -> None:
        """`admin` is the fingerprint of PHONEAGENT_ADMIN_PASSWORD, if it is set. Our pages are at `public_url`, and
        wherever else they are asked for."""
        self._users = users
        self._sessions = sessions
        self._passwords = passwords
        self._audit = audit
        self.public_url = public_url
        self._admin = admin
        # What a proxy passes on may look as if this machine asked: not every one says whom it asks for.
        self._here_only = is_loopback(urlsplit(public_url).hostname)
        self.throttle = LoginThrottle() if throttle is None else throttle
        self.stays = Stays()
        self._failures = FailedLogins(audit)
        self._logging_in = 0

    @property
    def without_password(self) -> str:
        """Who gets in while nobody has a password, and what to do about it."""
        return OPEN_HERE_ONLY if self._here_only else CLOSED

    async def has_passwords(self) -> bool:
        """Whether anybody has one. If not, who gets in is said by `without_password`."""
        return self._admin is not None or await self._users.exist()

    async def visitor(self, head: RequestHead) -> Visitor | None:
        """Who makes a request, if they have a session that is in force."""
        cookie = session_cookie(head)
        if cookie is None or (session := await self._sessions.find(cookie)) is None:
            return None
        principal = await self._principal(session, head)
        return None if principal is None else Visitor(principal, session, csrf_of(cookie))

    async def log_in(self, name: str, password: str, address: str | None) -> str | None:
        """The cookie of a new session, if name and password are right. Raises CrowdedError."""
        with self._room():
            if await self._is_admin(name, password):
                await self._audit.note(ADMIN, "user", "login")
                return await self._sessions.begin(credential=self._admin)
            if (user := await self._users.check(name, password)) is None:
                await self._failed(name, address)
                return None
            await self._audit.note(user.name, "user", "login")
            return await self._sessions.begin(user_id=user.id)

    async def knows(self, name: str, password: str, address: str | None) -> bool:
        """Whether this is the password of the user of this name. Raises CrowdedError."""
        with self._room():
            right = await self._users.check(name, password) is not None
            if not right:
                await self._failed(name, address)
            return right

    async def walk_in(self, head: RequestHead) -> str | None:
        """The cookie of a new session for whoever sits at this machine, while it is open to them."""
        if not await self._is_open(head):
            return None
        await self._audit.note(_LOCAL, "local", "login")
        return await self._sessions.begin(credential=_LOCAL)

    async def log_out(self, head: RequestHead) -> None:
        """End the session of a request."""
        if (visitor := await self.visitor(head)) is not None:
            await self._audit.note(visitor.principal.name, visitor.principal.kind, "logout")
        if (cookie := session_cookie(head)) is not None:  # also one that is in force no longer
            await self._sessions.end(cookie)
            self.stays.ask_again()

    async def _is_open(self, head: RequestHead) -> bool:
        """Whether a request needs no password."""
        return self._here_only and of_this_machine(head) and not await self.has_passwords()

    async def _is_admin(self, name: str, password: str) -> bool:
        if self._admin is None or folded(name) != ADMIN or len(password) > LONGEST:
            return False
        return hmac.compare_digest(await self._passwords.fingerprint(password), self._admin)

    async def _failed(self, name: str, address: str | None) -> None:
        is_admin = self._admin is not None and folded(name) == ADMIN
        await self._failures.note(name, address, exists=await self._users.named(name) is not None or is_admin)

    @contextmanager
    def _room(self) -> Iterator[None]:
        if self._logging_in >= _MOST_AT_ONCE:
            raise CrowdedError
        self._logging_in += 1
        try:
            yield
        finally:
            self._logging_in -= 1

    async def _principal(self, session: Session, head: RequestHead) -> Principal | None:
        if (user := session.user) is not None:
            return Principal("user", user.id, user.name, user.scopes)
        if session.credential == self._admin:
            return Principal("user", ADMIN, ADMIN, ROLES["admin"])
        if session.credential == _LOCAL and await self._is_open(head):
            return Principal("local", _LOCAL, _LOCAL, ROLES["admin"])
        return None


def session_cookie(head: RequestHead) -> str | None:
    """What a request has in the cookie of its session."""
    return _cookies(head).get(COOKIE)


def device_cookie(head: RequestHead) -> str:
    """What a request has in the cookie of its device."""
    return _cookies(head).get(DEVICE_COOKIE, "")


def _cookies(head: RequestHead) -> dict[str, str]:
    return cookie_parser(head.headers.get("cookie", ""))


def csrf_of(cookie: str) -> str:
    """What the pages of a session show, and no others know."""
    return hmac.new(cookie.encode("utf-8", "replace"), b"csrf", "sha256").hexdigest()
