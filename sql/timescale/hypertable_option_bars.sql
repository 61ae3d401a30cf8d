-- Make the option bars a hypertable with a chunk a day, keeping the rows. Of its indexes the key alone: the chunks find
-- the days, so no query uses the block ranges of time, which take 48 kB of every day, compressed or not.
DROP INDEX IF EXISTS store.ix_option_bars_5min_time;
SELECT create_hypertable(
    'store.option_bars_5min', by_range('time', INTERVAL '1 day'),
    create_default_indexes => false, migrate_data => true, if_not_exists => true
)
