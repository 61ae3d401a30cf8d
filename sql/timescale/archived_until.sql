-- Until when retention wrote summaries down because they were views then, NULL if never; also on an older schema.
SELECT ((xpath('//until/text()', latest.x))[1]::text)::timestamptz AS until
FROM
    pg_class AS archive,
    LATERAL query_to_xml(format('SELECT max(hour) AS until FROM %s', archive.oid::regclass), false, false, '') AS latest (x)
WHERE archive.oid = to_regclass('public.hourly_option_archive')
