-- Which bars could not be true?
SELECT
    reason.word AS reason,
    count(bar.id) AS bars,
    max(bar.quarantined_at) AS latest
FROM codes AS reason
LEFT JOIN quarantined_bars AS bar ON bar.reason = reason.word AND $__timeFilter(bar.quarantined_at)
WHERE reason.kind = 'quarantine_reason'
GROUP BY reason.word
ORDER BY bars DESC, reason.word
