-- Delete the option bars of [$1, $2), where there are no chunks to drop.
DELETE FROM option_bars_5min
WHERE time >= $1 AND time < $2
