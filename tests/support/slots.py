"""The slots of 5-minute bars, as tests count them, and which of these bars an instrument has."""

from datetime import timedelta

from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_5MIN, DataSet
from collector.domain.market_data.instruments import Instrument, OptionContract

SLOT = timedelta(minutes=5)


def data_set_of(instrument: Instrument) -> DataSet:
    """Return the data set of an instrument's bars of 5 minutes."""
    return OPTION_BARS_5MIN if isinstance(instrument, OptionContract) else UNDERLYING_BARS_5MIN
