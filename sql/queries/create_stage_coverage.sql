-- Make this connection's staging table of coverage: a row a series, with the spans that still need a second answer.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_coverage (
    contract_id integer,
    underlying_id integer,
    what_to_show text NOT NULL,
    covered tstzmultirange NOT NULL,
    settled tstzmultirange NOT NULL,
    claimed tstzrange[] NOT NULL,
    sent_at timestamptz NOT NULL
) ON COMMIT DELETE ROWS
