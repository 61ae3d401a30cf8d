-- Keep by which factor an underlying's adjusted closes have changed.
-- $1 data_set_id smallint
-- $2 underlying_ids integer[]
-- $3 firsts timestamptz[]: slots of the first session that a factor is about
-- $4 lasts timestamptz[]: of the last one
-- $5 sessions integer[]
-- $6 factors numeric[]: old close over new one
-- $7 run_id integer
-- $8 now timestamptz
INSERT INTO adjustment_revisions (
    underlying_id, data_set, first_session, last_session, sessions, factor, replaced_at, run_id
)
SELECT
    underlying_id, $1::smallint, (first AT TIME ZONE 'UTC')::date, (last AT TIME ZONE 'UTC')::date, sessions, factor,
    $8::timestamptz, $7::integer
FROM unnest($2::integer[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::numeric[])
    AS given (underlying_id, first, last, sessions, factor)
