-- Make this connection's staging table of requests.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_requests (
    sent_at timestamptz NOT NULL,
    answered_at timestamptz,
    run_id integer,
    login text,
    instrument_id integer NOT NULL,
    data_set smallint NOT NULL,
    what_to_show text NOT NULL,
    span tstzrange NOT NULL,
    outcome text NOT NULL,
    code integer,
    message text,
    bars integer NOT NULL,
    first_bar timestamptz,
    negatives tstzmultirange,
    checksum integer
) ON COMMIT DELETE ROWS
