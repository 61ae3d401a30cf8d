-- Keep a request: $1..$13 its columns.
INSERT INTO requests (
    sent_at, answered_at, run_id, login, instrument_id, what_to_show, span, outcome, code, message, bars, first_bar,
    negatives
)
VALUES (
    $1::timestamptz, $2::timestamptz, $3::integer, $4::text, $5::integer, $6::text, $7::tstzrange, $8::text,
    $9::integer, $10::text, $11::integer, $12::timestamptz, $13::tstzmultirange
)
