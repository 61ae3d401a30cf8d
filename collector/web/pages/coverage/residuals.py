"""The page of parity and boxes of a session."""

from dataclasses import dataclass
from datetime import date

from collector.app import reading
from collector.jobs import verification
from collector.jobs.verification import ExpirationParity
from collector.web.context import Context
from collector.web.page import Asked, Page
from collector.web.pages.coverage.session_day import DAY, day_of


@dataclass(frozen=True, slots=True)
class SymbolResiduals:
    """A symbol's expirations, ascending."""

    symbol: str
    expirations: tuple[ExpirationParity, ...]

    @property
    def worst(self) -> float:
        """Return the largest residual, USD; a cent at least, so that a picture has a scale."""
        found = (size for one in self.expirations for size in (one.parity.worst, one.boxes.worst) if size)
        return max(found, default=0.01)


@dataclass(frozen=True, slots=True)
class SessionResiduals:
    """A session's residuals."""

    day: date
    symbols: tuple[SymbolResiduals, ...]


async def _answer(context: Context, asked: Asked) -> SessionResiduals:
    day, settings = day_of(asked), context.settings
    context.days.session("SPY", day)
    found = []
    async with context.reading() as db:
        for underlying in await reading.known(db, [], settings.symbol_names):
            session = context.days.session(underlying.symbol, day)
            expirations = await verification.parity(db, settings, context.days, underlying, session)
            found.append(SymbolResiduals(underlying.symbol, tuple(expirations)))
    return SessionResiduals(day, tuple(found))


PAGE = Page(
    path="/sessions/{day}/residuals",
    title=lambda it: f"Parity and boxes of {it.day:%A}, {it.day}",
    what="By how many USD put-call parity and boxes fail, by expiration.",
    model=SessionResiduals,
    answer=_answer,
    template="coverage/residuals.html.j2",
    parameters=(DAY,),
)
