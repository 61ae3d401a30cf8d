-- Make this connection's staging table of Greeks: a row a contract and slot.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_greeks (
    contract_id integer NOT NULL,
    time timestamptz NOT NULL,
    implied_volatility numeric(12, 4),
    delta numeric(12, 4),
    gamma numeric(12, 6),
    theta numeric(12, 4),
    vega numeric(12, 4),
    rho numeric(12, 4),
    greeks_reason smallint NOT NULL
) ON COMMIT DELETE ROWS
