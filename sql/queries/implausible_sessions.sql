-- Sessions that look emptier than they can be and of which something is still held.
-- Over all symbols ("ALL") only where none is so by itself.
-- $1 day date: of the session; NULL is any
SELECT evidence.session_date, evidence.symbol, evidence.reason
FROM session_evidence AS evidence
WHERE NOT evidence.plausible
    AND ($1::date IS NULL OR evidence.session_date = $1::date)
    AND EXISTS (SELECT FROM negative_claims AS claim WHERE claim.session_date = evidence.session_date)
    AND NOT (
        evidence.symbol = 'ALL'
        AND EXISTS (
            SELECT
            FROM session_evidence AS own
            WHERE own.session_date = evidence.session_date AND own.symbol <> 'ALL' AND NOT own.plausible
        )
    )
ORDER BY evidence.session_date, evidence.symbol
