-- Days of underlyings before a border that hold bars of a kind: how many, of how many a series is neither settled nor lost,
-- and the room that they take: their share of the chunk or table that they are in.
CREATE OR REPLACE FUNCTION store.old_bars(kind smallint, underlyings integer[], borders date[])
RETURNS TABLE (underlying_id integer, session_date date, bars bigint, unsettled bigint, bytes bigint)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    every CONSTANT text := (
        SELECT
            CASE
                WHEN instrument_kind = 'option' THEN format(
                    'SELECT bar.contract_id AS instrument_id, owner.underlying_id, bar.time, bar.tableoid AS part
                    FROM store.%I AS bar
                    INNER JOIN option_chains AS owner ON owner.id = bar.contract_id',
                    name
                )
                ELSE format(
                    'SELECT -bar.underlying_id AS instrument_id, bar.underlying_id, bar.time, bar.tableoid AS part
                    FROM store.%I AS bar',
                    name
                )
            END
        FROM data_sets
        WHERE id = kind
    );
BEGIN
    RETURN QUERY EXECUTE format(
        $query$
        WITH old AS MATERIALIZED (
            SELECT
                bar.instrument_id,
                bar.underlying_id,
                bar.part,
                (bar.time AT TIME ZONE 'UTC')::date AS session_date,
                count(*) AS bars,
                min(bar.time) AS first,
                max(bar.time) AS last
            FROM (%1$s) AS bar
            INNER JOIN unnest(%2$L::integer[], %3$L::date[]) AS asked (underlying_id, border) ON asked.underlying_id = bar.underlying_id
            WHERE
                bar.time < (SELECT max(border) FROM unnest(%3$L::date[]) AS border)::timestamp AT TIME ZONE 'UTC'
                AND bar.time < asked.border::timestamp AT TIME ZONE 'UTC'
            GROUP BY bar.instrument_id, bar.underlying_id, bar.part, (bar.time AT TIME ZONE 'UTC')::date
        ),

        -- Most instruments have settled from their first bar to their last: only of others each bar is looked at.
        doubtful AS MATERIALIZED (
            SELECT old.*
            FROM old
            WHERE
                NOT EXISTS (
                    SELECT
                    FROM request_coverage AS c
                    WHERE c.instrument_id = old.instrument_id AND c.data_set = %4$L
                )
                OR EXISTS (
                    SELECT
                    FROM request_coverage AS c
                    WHERE
                        c.instrument_id = old.instrument_id
                        AND c.data_set = %4$L
                        AND NOT c.settled @> tstzrange(old.first, old.last, '[]')
                )
        ),

        unsettled AS (
            SELECT
                doubtful.underlying_id,
                doubtful.session_date,
                count(*) AS bars
            FROM doubtful
            INNER JOIN (%1$s) AS bar
                ON bar.instrument_id = doubtful.instrument_id
                AND bar.time >= doubtful.first
                AND bar.time <= doubtful.last
            WHERE
                NOT EXISTS (
                    SELECT
                    FROM request_coverage AS c
                    WHERE c.instrument_id = doubtful.instrument_id AND c.data_set = %4$L
                )
                OR EXISTS (
                    SELECT
                    FROM request_coverage AS c
                    WHERE
                        c.instrument_id = doubtful.instrument_id
                        AND c.data_set = %4$L
                        AND NOT c.settled @> bar.time
                        AND NOT EXISTS (
                            SELECT
                            FROM historical_data_gaps AS gap
                            WHERE
                                gap.state = 'lost'
                                AND gap.instrument_id = c.instrument_id
                                AND gap.data_set = c.data_set
                                AND gap.what_to_show = c.what_to_show
                                AND gap.gap_start <= bar.time
                                AND bar.time < gap.gap_end
                        )
                )
            GROUP BY doubtful.underlying_id, doubtful.session_date
        ),

        parts AS (
            SELECT
                own.oid,
                coalesce(chunk.bytes, pg_total_relation_size(own.oid)) AS bytes,
                greatest(coalesce(chunk.bars, own.reltuples::bigint), in_it.bars) AS bars
            FROM (SELECT part, sum(bars) AS bars FROM old GROUP BY part) AS in_it
            INNER JOIN pg_class AS own ON own.oid = in_it.part
            LEFT JOIN stored_chunks() AS chunk ON chunk.chunk = own.relname
        )

        SELECT
            old.underlying_id,
            old.session_date,
            sum(old.bars)::bigint,
            coalesce(max(unsettled.bars), 0)::bigint,
            sum(parts.bytes * old.bars / parts.bars)::bigint
        FROM old
        INNER JOIN parts ON parts.oid = old.part
        LEFT JOIN unsettled
            ON unsettled.underlying_id = old.underlying_id AND unsettled.session_date = old.session_date
        GROUP BY old.underlying_id, old.session_date
        $query$,
        every, underlyings, borders, kind
    );
END
$$
