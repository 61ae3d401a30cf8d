-- Settle staged claims of emptiness as far as an earlier answer of the same series covered the same slots already.
-- Earlier is what was sent before: a batch that is stored again, because nobody knew that it was committed, proves nothing.
UPDATE stage_coverage AS staged
SET settled = staged.settled + proven.spans
FROM (
    SELECT
        new.contract_id,
        new.underlying_id,
        new.what_to_show,
        range_agg(
            CASE
                WHEN old.covered @> (tstzmultirange(claim) * new.covered) THEN tstzmultirange(claim)
                ELSE tstzmultirange(claim) * new.covered * old.covered
            END
        ) AS spans
    FROM stage_coverage AS new
    INNER JOIN request_coverage AS old
        ON new.what_to_show = old.what_to_show
        AND (new.contract_id = old.contract_id OR new.underlying_id = old.underlying_id)
    CROSS JOIN unnest(new.claimed) AS claim
    WHERE (tstzmultirange(claim) && (new.covered * old.covered))
        AND coalesce(old.sent_at < new.sent_at, true)
    GROUP BY new.contract_id, new.underlying_id, new.what_to_show
) AS proven
WHERE staged.what_to_show = proven.what_to_show
    AND (staged.contract_id = proven.contract_id OR staged.underlying_id = proven.underlying_id)
