-- Make the underlyings' bars a hypertable with a chunk a month (a few hundred rows a day), keeping the rows.
SELECT create_hypertable(
    'store.underlying_bars_5min', by_range('time', INTERVAL '30 days'),
    create_default_indexes => false, migrate_data => true, if_not_exists => true
)
