-- Make this connection's staging table of whole bars of underlyings that come back from the archive.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_restored_{bars} (LIKE store.{bars}) ON COMMIT DELETE ROWS
