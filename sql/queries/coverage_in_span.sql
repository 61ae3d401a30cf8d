-- What is covered and settled of series in a span, and what of it one witness settled.
-- $1 instrument_ids integer[]: an underlying's id is below zero
-- $2 data_set_id smallint
-- $3 span_start timestamptz
-- $4 span_end timestamptz
SELECT
    instrument_id,
    what_to_show,
    covered * tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz)) AS covered,
    settled * tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz)) AS settled,
    single_witness * tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz)) AS single_witness
FROM request_coverage
WHERE instrument_id = ANY($1::integer[])
    AND data_set = $2::smallint
