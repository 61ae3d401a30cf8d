-- Sessions that look emptier than they can be and of which something is still held: $1 session day (NULL: any).
SELECT evidence.session_date, evidence.symbol, evidence.reason
FROM session_evidence AS evidence
WHERE NOT evidence.plausible
    AND ($1::date IS NULL OR evidence.session_date = $1::date)
    AND EXISTS (SELECT FROM negative_claims AS claim WHERE claim.session_date = evidence.session_date)
ORDER BY evidence.session_date, evidence.symbol
