"""When "no data" about an option may be believed: the underlying's own bars, from the tables, decide."""

from datetime import timedelta

from collector.db.bars import bar_tables, underlying_bars
from collector.db.connection.pool import Database
from collector.domain.market_data.answers import Answer, HistoricalRequest, Outcome
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span, Spans
from collector.runs.fetching.storing import Sessions, judged
from tests.support.db_rows import FRIDAY, MONDAY, answer, answers, make_chain, slot, trade
from tests.support.slots import SLOT


async def test_the_underlying_must_have_bars_where_the_option_was_asked_for(database: Database) -> None:
    """Its bars of the first two slots prove nothing about the rest of the session, nor about another one."""
    chain = await make_chain(database)
    await bar_tables.store(database, [answers(chain.underlying, TRADES=answer([trade(0), trade(1)]))], 1)
    traded = await underlying_bars.traded(database, chain.underlying.id, [FRIDAY.span, MONDAY.span])
    assert traded == Spans((Span(FRIDAY.open, FRIDAY.open + timedelta(minutes=10)),))

    sessions = Sessions({"PLTR": (FRIDAY, MONDAY)}, {"PLTR": traded}, {}, MONDAY.close)
    (contract, _) = chain.contracts
    nothing = Answer((), MONDAY.close, MONDAY.close, MONDAY.close)

    def is_believed(span: Span) -> bool:
        request = HistoricalRequest(contract, OPTION_BARS_5MIN, WhatToShow.TRADES, span)
        found, doubtful = judged(contract, OPTION_BARS_5MIN, [(request, nothing)], sessions)
        assert doubtful == ([] if found.series else [request])
        assert [(one.outcome, one.negatives) for one in found.requests] == [
            (Outcome.NO_DATA, found.series[WhatToShow.TRADES].covered if found.series else None)
        ]
        return bool(found.series)

    assert is_believed(FRIDAY.span)
    assert is_believed(Span(slot(1), FRIDAY.close))
    assert not is_believed(Span(slot(2), FRIDAY.close))
    assert not is_believed(Span(FRIDAY.open, MONDAY.open + SLOT))
    assert not is_believed(MONDAY.span)


async def test_an_empty_answer_of_an_expired_contract_proves_nothing(database: Database) -> None:
    """It covers nothing, claims nothing and is not asked again at once: another night's run decides."""
    chain = await make_chain(database)
    await bar_tables.store(database, [answers(chain.underlying, TRADES=answer([trade(0)]))], 1)
    traded = await underlying_bars.traded(database, chain.underlying.id, [FRIDAY.span])
    sessions = Sessions({"PLTR": (FRIDAY, MONDAY)}, {"PLTR": traded}, {})
    (contract, _) = chain.contracts
    later = MONDAY.close + timedelta(days=1)
    request = HistoricalRequest(contract, OPTION_BARS_5MIN, WhatToShow.TRADES, FRIDAY.span)
    found, doubtful = judged(contract, OPTION_BARS_5MIN, [(request, Answer((), later, later, later))], sessions)
    assert (doubtful, found.series) == ([], {})
    assert [(one.outcome, one.negatives) for one in found.requests] == [(Outcome.NO_DATA, None)]
