-- Record that a person's act begins.
-- $1 began_at timestamptz
-- $2 os_user text
-- $3 host text
-- $4 command text
-- $5 reason text
-- $6 origin text: command line or page
INSERT INTO operator_actions (began_at, os_user, host, command, reason, origin)
VALUES ($1::timestamptz, $2::text, $3::text, $4::text, $5::text, $6::text)
RETURNING id
