-- Make one size of underlyings' bars a hypertable, keeping the rows.
-- A chunk holds 8,640 slots of the grid: a month of 5 minutes, 23 years of days.
SELECT create_hypertable(
    'store.{bars}', by_range('time', {chunk}),
    create_default_indexes => false, migrate_data => true, if_not_exists => true
)
