-- Make this connection's staging table of Greeks: a row a contract and slot.
-- Ten-thousandths, gamma millionths.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_greeks (
    contract_id integer NOT NULL,
    time timestamptz NOT NULL,
    implied_volatility integer,
    delta integer,
    gamma bigint,
    theta integer,
    vega integer,
    rho integer,
    greeks_reason smallint NOT NULL
) ON COMMIT DELETE ROWS
