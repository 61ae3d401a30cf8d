-- Show the life of contracts with the earlier system's word for those that are listed.
CREATE VIEW compat.option_contract_lifecycle AS
SELECT
    contract_id,
    first_seen,
    last_seen,
    expiry_collected,
    (CASE status WHEN 'listed' THEN 'active' ELSE status END)::varchar(20) AS status
FROM public.option_contract_lifecycle;

COMMENT ON VIEW compat.option_contract_lifecycle IS
'public.option_contract_lifecycle; what is called listed there is called active here.'
