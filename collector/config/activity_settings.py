"""The sections about how active contracts are: `activity:`, `open_interest:`."""

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


class OpenInterestSettings(Section):
    """One stream a contract and day that tells its open interest; off until wanted, for it takes market-data lines.

    lines: streams open at once; IB gives an account 100, the owner's own watch-lists included. timeout_s: seconds from
    opening a stream to giving it up.
    """

    enabled: bool = False
    lines: int = Field(default=90, ge=1, le=1000)
    timeout_s: float = Field(default=10.0, gt=0, le=120)
