-- The first session day for which any contract of an underlying was selected, NULL before there is one.
-- $1 underlying_id integer: whose contracts
SELECT min(lower(life.selected)) AS first_selected
FROM option_chains AS contract
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = contract.id
WHERE contract.underlying_id = $1::integer AND NOT isempty(life.selected)
