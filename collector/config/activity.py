"""The section that says which contracts are too quiet to be collected: `activity:`."""

from pydantic import Field

from collector.config.section import Section


class ActivitySettings(Section):
    """Filters of selection; off until there is history to judge by.

    min_open_interest_etf, min_open_interest_stock: contracts open. min_daily_volume: contracts a session, on average.
    unusual_times: a session's volume of so many times its average keeps a contract whatever the other filters say.
    history_sessions: sessions that the average is taken over; contracts with less than a quarter of them are kept.
    """

    enabled: bool = False
    min_open_interest_etf: int = Field(default=100, ge=0)
    min_open_interest_stock: int = Field(default=50, ge=0)
    min_daily_volume: float = Field(default=10.0, ge=0)
    unusual_times: float = Field(default=5.0, gt=1)
    history_sessions: int = Field(default=20, ge=4, le=250)
