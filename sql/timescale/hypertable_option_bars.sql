-- Make the option bars a hypertable with a chunk a day, keeping the rows; its indexes are its own.
SELECT create_hypertable(
    'option_bars_5min', by_range('time', INTERVAL '1 day'),
    create_default_indexes => false, migrate_data => true, if_not_exists => true
)
