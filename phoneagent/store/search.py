"""Calls found by what was said in them: an index of the words of those that are over, in `call_words`, and a look at
the few that go on. The words are made of texts by `store.words`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, and_, cast, column, false, literal, literal_column, or_, select, table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from phoneagent.store.database import Database, upsert
from phoneagent.store.models import INDEX, call_words, calls, lexemes, turns
from phoneagent.store.words import document, holds, words

NEWEST = 1000
"""Calls that are looked through one by one, before the index is asked: among them are enough of those in which a usual
word stands, of which the index knows too many."""

PAGES = 64  # of the index, that are tidied up in one transaction: a few milliseconds

TELLING = 3  # letters; what is shorter begins too many words to be asked of the index

_index = table("call_words_index", column("rowid"))  # SQLite's, of call_words: migrations/versions/r4_words_sums.py
_MERGE = text(f"INSERT INTO {_index.name}({_index.name}, rank) VALUES ('merge', :pages)")  # noqa: S608
_CHANGES = text("SELECT total_changes()")
_NEWEST_FIRST = (calls.c.began.desc(), calls.c.id.desc())


async def keep_words(connection: AsyncConnection, call_ids: Collection[str]) -> None:
    """Have these calls, as far as they are over, be found by what was said in them, as it stands now."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    found = (
        select(turns.c.call_id, turns.c.text).join(calls).where(calls.c.id.in_(call_ids), calls.c.ended.is_not(None))
    )
    for call_id, spoken in await connection.execute(found.order_by(turns.c.call_id, turns.c.position, turns.c.at_s)):
        said[call_id].append(spoken)
    rows = [{"call_id": call_id, "words": document(texts)} for call_id, texts in said.items()]
    if rows:
        new = upsert(connection, call_words)
        newest = new.on_conflict_do_update(index_elements=[call_words.c.call_id], set_={"words": new.excluded.words})
        await connection.execute(newest, rows)


async def forget_words(database: Database) -> bool:
    """Leave nothing in the index of words that were deleted: it keeps them, if not whose, until it is tidied up.

    Others go on meanwhile. Returns False if somebody else is at it. Raises StoreError.
    """
    if database.is_postgresql:
        return await database.rebuild(str(INDEX.name))
    pages = -PAGES  # which takes up all that there is; what follows goes on with it
    while True:
        async with database.begin() as connection:
            before = (await connection.execute(_CHANGES)).scalar_one()
            await connection.execute(_MERGE, {"pages": pages})
            after = (await connection.execute(_CHANGES)).scalar_one()
        if after - before < 2:  # as FTS5 says that there was nothing to do
            return True
        pages = PAGES


async def saying(
    connection: AsyncConnection, said: str, wanted: Sequence[ColumnElement[bool]], limit: int
) -> ColumnElement[bool]:
    """The condition that all words of a text were said in a call, each of them or a longer one that begins so.

    It holds for the newest `limit` calls that are `wanted` otherwise, for others it may not. Of a text without words
    there are none.
    """
    if not (asked := words(said)):
        return false()
    live = await _live(connection, asked, wanted)
    newest = select(calls.c.id, calls.c.began).where(*wanted).order_by(*_NEWEST_FIRST).limit(NEWEST).cte()
    looked_through = (
        select(newest.c.id, or_(_holds(asked), newest.c.id.in_(live)))
        .join_from(newest, call_words, call_words.c.call_id == newest.c.id, isouter=True)
        .order_by(newest.c.began.desc(), newest.c.id.desc())
    )
    rows = (await connection.execute(looked_through)).all()
    found = [call_id for call_id, is_found in rows if is_found]
    if len(found) >= limit or len(rows) < NEWEST:
        return calls.c.id.in_(found[:limit])
    indexed = select(call_words.c.call_id).where(_is_indexed(connection, asked), _holds(asked))
    # one list of ids, that PostgreSQL can begin with: to an OR it would hold every call there is
    return calls.c.id.in_(indexed if not live else indexed.union_all(select(calls.c.id).where(calls.c.id.in_(live))))


async def _live(connection: AsyncConnection, asked: Sequence[str], wanted: Sequence[ColumnElement[bool]]) -> list[str]:
    going_on = (await connection.execute(select(calls.c.id).where(calls.c.ended.is_(None), *wanted))).scalars().all()
    if not going_on:
        return []
    said: defaultdict[str, list[str]] = defaultdict(list)
    for call_id, spoken in await connection.execute(
        select(turns.c.call_id, turns.c.text).where(turns.c.call_id.in_(going_on))
    ):
        said[call_id].append(spoken)
    return [call_id for call_id, texts in said.items() if holds(document(texts), asked)]


def _holds(asked: Iterable[str]) -> ColumnElement[bool]:
    return and_(*(literal(" ").concat(call_words.c.words).contains(f" {word}") for word in asked))


def _is_indexed(connection: AsyncConnection, asked: Sequence[str]) -> ColumnElement[bool]:
    telling = [word for word in asked if len(word) >= TELLING] or asked
    if connection.dialect.name == "postgresql":
        query = " & ".join(f"'{word}':*" for word in telling)
        return lexemes.bool_op("@@")(cast(literal(query), postgresql.TSQUERY))
    query = " ".join(f'"{word}"*' for word in telling)
    return call_words.c.number.in_(select(_index.c.rowid).where(literal_column(_index.name).op("MATCH")(query)))
