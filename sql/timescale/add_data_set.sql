-- Tell the database of a kind of bars, or what has changed of it.
-- $1 id smallint
-- $2 name text
-- $3 kind text: whose bars, option or underlying
-- $4 seconds integer: the length of a slot
INSERT INTO data_sets AS known (id, name, instrument_kind, bar_seconds)
VALUES ($1::smallint, $2::text, $3::text, $4::integer)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, instrument_kind = excluded.instrument_kind, bar_seconds = excluded.bar_seconds
WHERE (known.name, known.instrument_kind, known.bar_seconds)
    <> (excluded.name, excluded.instrument_kind, excluded.bar_seconds)
