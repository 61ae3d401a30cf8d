-- Since when the bars of instruments on sessions are such that each change is on record as a revision.
-- From the first answer with bars on that was asked for late enough, in every series; "settled_at" is NULL where the
-- record of requests does not tell.
-- $1 first_id integer: of the instruments
-- $2 last_id integer
-- $3 data_set_id smallint
-- $4 days date[]: of the sessions
-- $5 starts timestamptz[]: of their slots
-- $6 ends timestamptz[]
-- $7 settling timestamptz[]: the instants after which a request settles
-- $8 series text[]
SELECT
    found.instrument_id,
    found.day,
    CASE WHEN count(*) = cardinality($8::text[]) THEN max(found.answered_at) END AS settled_at
FROM (
    SELECT request.instrument_id, session.day, request.what_to_show, min(request.answered_at) AS answered_at
    FROM unnest($4::date[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
        AS session (day, starts, ends, settling)
    INNER JOIN requests AS request
        ON request.span @> tstzrange(session.starts, session.ends)
        AND request.sent_at > session.settling
    WHERE request.instrument_id >= $1::integer
        AND request.instrument_id <= $2::integer
        AND request.data_set = $3::smallint
        AND request.outcome = 'bars'
        AND request.what_to_show = ANY($8::text[])
    GROUP BY request.instrument_id, session.day, request.what_to_show
) AS found
GROUP BY found.instrument_id, found.day
ORDER BY found.instrument_id, found.day
