-- Make the requests a hypertable with a chunk a week, keeping the rows. The chunks find the weeks, so the block ranges of
-- time go; one instrument's requests are found by the index that stays.
DROP INDEX IF EXISTS ix_requests_sent_at;
SELECT create_hypertable(
    'requests', by_range('sent_at', INTERVAL '7 days'),
    create_default_indexes => false, migrate_data => true, if_not_exists => true
)
