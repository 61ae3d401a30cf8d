-- Make this connection's staging table of coverage: a row a series.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_coverage (
    instrument_id integer NOT NULL,
    data_set smallint NOT NULL,
    what_to_show text NOT NULL,
    covered tstzmultirange NOT NULL,
    settled tstzmultirange NOT NULL,
    refused tstzmultirange NOT NULL,
    empty tstzmultirange NOT NULL
) ON COMMIT DELETE ROWS
