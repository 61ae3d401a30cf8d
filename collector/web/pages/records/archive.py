"""The page of the archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.archive import manifest
from collector.db.archive.manifest import ArchiveObject
from collector.domain.errors import CollectorError
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter

_MOST = 100
_LAST_PAGE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object of the archive. symbol, data_set, first, last: None where it is about all of them, or holds no bars.

    verified_at: when its bytes were read back and were right; None: they were not, or it is missing.
    """

    path: str
    symbol: str | None
    data_set: str | None
    first: date | None
    last: date | None
    rows: int
    bytes: int
    written_at: datetime
    verified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An object that the next pass would write, and why; sessions: that it would hold."""

    path: str
    symbol: str
    data_set: str
    first: date
    last: date
    sessions: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The archive.

    place: where it lies; None: none is kept, or it cannot be opened, and `problem` and `hint` say what to do. objects:
    a page of them, by path. count, rows, bytes: of all. unsound: of how many the last look was not right. waiting: the
    first of what the next pass would write, of so many in all: waiting_count. next_page: None on the last one.
    """

    place: str | None
    problem: str
    hint: str
    count: int
    rows: int
    bytes: int
    unsound: int
    last_written: datetime | None
    oldest_verified: datetime | None
    objects: tuple[Stored, ...]
    waiting: tuple[Waiting, ...]
    waiting_count: int
    page: int
    next_page: int | None


async def _answer(context: Context, asked: Asked) -> Archive:
    page, symbol = asking.number(asked, "page", 1, _LAST_PAGE) or 1, asking.symbol(asked)
    objects: Sequence[ArchiveObject] = ()
    waiting: Sequence[Waiting] = ()
    place, problem, hint = None, "", ""
    try:
        name = _place_name(context)
    except CollectorError as error:
        problem, hint = error.message, error.hint
    else:
        from collector.jobs import archive_pass  # noqa: PLC0415 - the archive's library may not be installed

        place = name
        async with context.reading() as db:
            objects = await manifest.objects(db, name)
            planned = await archive_pass.plan(db, name, context.settings, context.now, (symbol,) if symbol else ())
        waiting = [
            Waiting(
                path=one.path,
                symbol=one.symbol,
                data_set=one.data_set,
                first=one.first,
                last=one.last,
                sessions=one.sessions,
                why=one.why,
            )
            for one in planned
        ]
    objects = [one for one in objects if symbol in (None, one.symbol)]
    verified = [one.verified_at for one in objects if one.verified_at is not None]
    shown = objects[(page - 1) * _MOST : page * _MOST]
    return Archive(
        place=place,
        problem=problem,
        hint=hint,
        count=len(objects),
        rows=sum(one.rows for one in objects),
        bytes=sum(one.bytes for one in objects),
        unsound=len(objects) - len(verified),
        last_written=max((one.written_at for one in objects), default=None),
        oldest_verified=min(verified, default=None),
        objects=tuple(map(_stored, shown)),
        waiting=tuple(waiting[:_MOST]),
        waiting_count=len(waiting),
        page=page,
        next_page=page + 1 if len(objects) > page * _MOST else None,
    )


def _place_name(context: Context) -> str:
    """Return the name of the archive's place; nothing is asked of it.

    Raises:
        ConfigurationError: no archive is configured, or its library is not installed.
        CollectorError: what its configuration says is wrong.
    """
    from collector.archive import places  # noqa: PLC0415 - the archive's library may not be installed

    places.require_library()
    return places.open_place(context.settings.archive).name


def _stored(one: ArchiveObject) -> Stored:
    return Stored(
        path=one.path,
        symbol=one.symbol,
        data_set=None if one.data_set is None else one.data_set.name,
        first=one.first_session,
        last=one.last_session,
        rows=one.rows,
        bytes=one.bytes,
        written_at=one.written_at,
        verified_at=one.verified_at,
    )


PAGE = Page(
    path="/archive",
    title="Archive",
    what="What the archive holds, when it was verified, and what waits for the next pass.",
    model=Archive,
    answer=_answer,
    template="records/archive.html.j2",
    parameters=(Parameter("symbol", "only of this underlying", "SPY"), Parameter("page", "which page of objects", "1")),
)
