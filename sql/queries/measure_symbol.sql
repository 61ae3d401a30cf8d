-- What an underlying's contracts have of one session: contracts, series, slots by verdict, rows.
-- covered, settled and others like them: how long the series' slots are together.
-- A settled slot whose trade is in quarantine (flag 128) is neither traded nor without a trade.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 session_day date
-- $4 span_start timestamptz: of the session's slots
-- $5 span_end timestamptz
-- $6 series text[]
-- $7 contract_ids integer[]: NULL is every selected one
WITH contract AS (
    SELECT chain.id AS contract_id
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $2::integer
        AND chain.expiration_date >= $3::date
        AND life.selected @> $3::date
        AND ($7::integer[] IS NULL OR chain.id = ANY($7::integer[]))
        -- Nothing is expected of options that are not collected.
        AND cardinality($6::text[]) > 0
),
series AS (
    SELECT
        contract.contract_id,
        configured.what_to_show,
        coalesce(coverage.covered * tstzmultirange(span), '{}') AS covered,
        coalesce(coverage.settled * tstzmultirange(span), '{}') AS settled,
        coalesce(coverage.single_witness * tstzmultirange(span), '{}') AS single_witness,
        coalesce(coverage.settled @> span, false) AS final
    FROM contract
    CROSS JOIN (SELECT tstzrange($4::timestamptz, $5::timestamptz) AS span) AS session
    CROSS JOIN unnest($6::text[]) AS configured (what_to_show)
    LEFT JOIN request_coverage AS coverage
        ON coverage.instrument_id = contract.contract_id
        AND coverage.data_set = $1::smallint
        AND coverage.what_to_show = configured.what_to_show
),
slots AS (
    SELECT
        count(*) AS series,
        sum((SELECT sum(upper(part) - lower(part)) FROM unnest(covered) AS part)) AS covered,
        sum((SELECT sum(upper(part) - lower(part)) FROM unnest(settled) AS part)) AS settled,
        sum((SELECT sum(upper(part) - lower(part)) FROM unnest(single_witness) AS part)) AS single_witness,
        sum((SELECT sum(upper(part) - lower(part)) FROM unnest(settled) AS part)) FILTER (
            WHERE what_to_show = 'TRADES'
        ) AS trades_settled
    FROM series
),
awaiting AS (
    SELECT sum(upper(part) - lower(part)) AS slots
    FROM negative_claims AS claim
    INNER JOIN series ON series.contract_id = claim.instrument_id AND series.what_to_show = claim.what_to_show
    CROSS JOIN LATERAL unnest(
        tstzmultirange(claim.span * tstzrange($4::timestamptz, $5::timestamptz)) - series.settled
    ) AS part
    WHERE claim.data_set = $1::smallint AND claim.session_date = $3::date AND claim.state = 'awaiting'
),
done AS (
    SELECT count(*) AS contracts
    FROM (SELECT contract_id FROM series GROUP BY contract_id HAVING bool_and(final)) AS whole
),
bar AS (
    -- A look-up by contract for each: on tables whose statistics are not known yet, a join would be planned for one row.
    SELECT
        coalesce(sum(own.rows), 0)::bigint AS rows,
        coalesce(sum(own.traded), 0)::bigint AS traded,
        coalesce(sum(own.traded_settled), 0)::bigint AS traded_settled,
        coalesce(sum(own.doubtful), 0)::bigint AS doubtful,
        min(own.first_bar) AS first_bar,
        max(own.last_bar) AS last_bar
    FROM contract
    LEFT JOIN series AS trades ON trades.contract_id = contract.contract_id AND trades.what_to_show = 'TRADES'
    CROSS JOIN LATERAL (
        SELECT
            -- Not a row that only says that a bar was refused.
            count(coalesce(bar.close, bar.bid_close, bar.ask_close)) AS rows,
            count(*) FILTER (WHERE bar.volume > 0) AS traded,
            count(*) FILTER (WHERE bar.volume > 0 AND trades.settled @> bar.time) AS traded_settled,
            count(*) FILTER (
                WHERE bar.flags & 128 <> 0 AND bar.volume IS NULL AND trades.settled @> bar.time
            ) AS doubtful,
            min(bar.time) AS first_bar,
            max(bar.time) AS last_bar
        FROM store.option_bars_5min AS bar
        WHERE bar.contract_id = contract.contract_id AND bar.time >= $4::timestamptz AND bar.time < $5::timestamptz
    ) AS own
)
SELECT
    (SELECT count(*) FROM contract) AS contracts,
    done.contracts AS contracts_settled,
    slots.series,
    coalesce(slots.covered, INTERVAL '0') AS covered,
    coalesce(slots.settled, INTERVAL '0') AS settled,
    coalesce(awaiting.slots, INTERVAL '0') AS awaiting,
    coalesce(slots.single_witness, INTERVAL '0') AS single_witness,
    coalesce(slots.trades_settled, INTERVAL '0') AS trades_settled,
    bar.traded_settled + bar.doubtful AS not_untraded,
    bar.rows,
    bar.traded,
    bar.first_bar,
    bar.last_bar
FROM slots
CROSS JOIN awaiting
CROSS JOIN done
CROSS JOIN bar
