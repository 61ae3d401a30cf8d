-- Make this connection's staging table of whole option bars that come back from the archive.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_restored_option_bars (LIKE store.option_bars_5min) ON COMMIT DELETE ROWS
