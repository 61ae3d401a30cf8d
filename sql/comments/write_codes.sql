-- Bring the words and meanings of codes up to date.
-- $1 kinds text[]
-- $2 codes integer[]: NULL where the word itself is stored
-- $3 words text[]
-- $4 meanings text[]
INSERT INTO codes AS known (kind, code, word, meaning)
SELECT kind, code, word, meaning
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[]) AS given (kind, code, word, meaning)
ON CONFLICT (kind, word) DO UPDATE
SET code = excluded.code, meaning = excluded.meaning
WHERE (known.code, known.meaning) IS DISTINCT FROM (excluded.code, excluded.meaning)
