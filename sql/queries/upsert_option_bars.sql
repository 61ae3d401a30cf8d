-- Write the staged option bars that differ from the stored ones with the coverage that they justify; count the staged rows.
-- $1 contract_ids integer[]
-- $2 start timestamptz
-- $3 end timestamptz
-- $4 series text[]: the configured ones
-- $5 run_id integer
-- $6 now timestamptz
-- $7 data_set_id smallint
-- $8 instrument_ids integer[]: of the series that were answered
-- $9 answered_series text[]
-- $10 covered text[]: what each answer speaks for, as multiranges
-- $11 settled text[]
-- $12 empty text[]
SELECT staged, inserted, updated
FROM store.write_option_bars(
    $1::integer[], $2::timestamptz, $3::timestamptz, $4::text[], $5::integer, $6::timestamptz, $7::smallint, $8::integer[],
    $9::text[], $10::text[], $11::text[], $12::text[]
)
