-- What happened to an instrument's bars of a data set in a span, by time: requests, revisions, gaps, claims, quarantine.
-- $1 instrument_id integer
-- $2 data_set_id smallint
-- $3 span_start timestamptz: of the slots that it was about
-- $4 span_end timestamptz
SELECT
    request.sent_at AS at,
    'request' AS event,
    request.what_to_show AS series,
    lower(request.span) AS span_start,
    upper(request.span) AS span_end,
    request.run_id,
    request.outcome || CASE WHEN request.bars > 0 THEN ', ' || request.bars || ' bars' ELSE '' END
    || coalesce(', ' || request.message, '') AS detail
FROM requests AS request
WHERE request.instrument_id = $1::integer
    AND request.data_set = $2::smallint
    AND request.sent_at >= $3::timestamptz
    AND request.span && tstzrange($3::timestamptz, $4::timestamptz)
UNION ALL
SELECT
    revision.replaced_at,
    'revision',
    NULL,
    revision.time,
    revision.time + make_interval(secs => kind.bar_seconds),
    revision.run_id,
    concat_ws(
        ', ',
        'close was ' || revision.close, 'volume was ' || revision.volume, 'bid was ' || revision.bid_close,
        'ask was ' || revision.ask_close, 'adjusted close was ' || revision.adjusted_close
    )
FROM bar_revisions AS revision
INNER JOIN data_sets AS kind ON kind.id = revision.data_set
WHERE revision.instrument_id = $1::integer
    AND revision.data_set = $2::smallint
    AND revision.time >= $3::timestamptz
    AND revision.time < $4::timestamptz
UNION ALL
SELECT
    change.at,
    change.event,
    gap.what_to_show,
    gap.gap_start,
    gap.gap_end,
    change.run_id,
    change.detail
FROM historical_data_gaps AS gap
CROSS JOIN LATERAL (
    VALUES
        (gap.detected_at, 'gap found', gap.detected_run_id, gap.gap_type),
        (gap.backfilled_at, 'gap filled', gap.backfill_run_id, ''),
        (gap.lost_at, 'lost', NULL, coalesce(gap.reason, ''))
) AS change (at, event, run_id, detail)
WHERE gap.instrument_id = $1::integer
    AND gap.data_set = $2::smallint
    AND gap.gap_start < $4::timestamptz
    AND gap.gap_end > $3::timestamptz
    AND change.at IS NOT NULL
UNION ALL
SELECT
    coalesce(claim.first_sent_at, lower(claim.span)),
    'called empty, ' || claim.state,
    claim.what_to_show,
    lower(claim.span),
    upper(claim.span),
    claim.first_run_id,
    claim.reason
FROM negative_claims AS claim
WHERE claim.instrument_id = $1::integer
    AND claim.data_set = $2::smallint
    AND claim.span && tstzrange($3::timestamptz, $4::timestamptz)
UNION ALL
SELECT
    bad.quarantined_at,
    'quarantined',
    bad.what_to_show,
    bad.time,
    bad.time + make_interval(secs => kind.bar_seconds),
    bad.run_id,
    bad.reason || CASE WHEN bad.seen > 1 THEN ', seen twice' ELSE '' END
FROM quarantined_bars AS bad
INNER JOIN data_sets AS kind ON kind.id = bad.data_set
WHERE bad.instrument_id = $1::integer
    AND bad.data_set = $2::smallint
    AND bad.time >= $3::timestamptz
    AND bad.time < $4::timestamptz
ORDER BY 1, 2, 3, 4
