"""American option values against tables that were published."""

import numpy as np
import pytest

from collector.domain.pricing.american_price import CALL, PUT, American


def value(sign: int, spot: float, strike: float, years: float, rate: float, dividend: float, sigma: float) -> float:
    """Return one value."""
    one = (np.array([given]) for given in (spot, strike, years, sigma))
    return float(American(rate, dividend, years).value(sign, *one)[0])


GESKE_JOHNSON = {
    (0.2, 35): (0.0062, 0.2004, 0.4328),
    (0.2, 40): (0.8522, 1.5798, 1.9904),
    (0.2, 45): (5.0000, 5.0883, 5.2670),
    (0.3, 35): (0.0774, 0.6975, 1.2198),
    (0.3, 40): (1.3099, 2.4825, 3.1696),
    (0.3, 45): (5.0597, 5.7056, 6.2436),
    (0.4, 35): (0.2466, 1.3460, 2.1549),
    (0.4, 40): (1.7681, 3.3874, 4.3526),
    (0.4, 45): (5.2868, 6.5099, 7.3830),
}


@pytest.mark.parametrize(("case", "expected"), GESKE_JOHNSON.items())
def test_puts_of_geske_and_johnson(case: tuple[float, int], expected: tuple[float, ...]) -> None:
    """Puts on 40 USD at 4.88 %, after 1, 4 and 7 months: the 'true' column used since Geske and Johnson (1984)."""
    sigma, strike = case
    found = [value(PUT, 40, strike, years, 0.0488, 0.0, sigma) for years in (0.0833, 0.3333, 0.5833)]
    assert found == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    ("sign", "carry", "expected"),
    [
        (CALL, -0.04, (0.03, 0.58, 3.52, 10.35, 20.00)),
        (PUT, -0.04, (20.41, 11.25, 4.40, 1.12, 0.18)),
        (CALL, 0.04, (0.05, 0.85, 4.44, 11.66, 20.90)),
        (PUT, 0.04, (20.00, 10.22, 3.55, 0.79, 0.11)),
    ],
)
def test_finite_differences_of_barone_adesi_and_whaley(sign: int, carry: float, expected: tuple[float, ...]) -> None:
    """The finite-difference columns of Barone-Adesi and Whaley (1987): strike 100, 8 %, 20 %, three months."""
    found = [value(sign, spot, 100, 0.25, 0.08, 0.08 - carry, 0.2) for spot in (80, 90, 100, 110, 120)]
    assert found == pytest.approx(expected, abs=0.01)


HAUG = {
    (CALL, 0.1, 0.15): (0.0206, 1.8771, 10.0089),
    (CALL, 0.1, 0.25): (0.3159, 3.1280, 10.3919),
    (CALL, 0.1, 0.35): (0.9495, 4.3777, 11.1679),
    (PUT, 0.1, 0.15): (10.0000, 1.8770, 0.0410),
    (PUT, 0.1, 0.25): (10.2533, 3.1277, 0.4562),
    (PUT, 0.1, 0.35): (10.8787, 4.3777, 1.2402),
    (CALL, 0.5, 0.15): (0.8208, 4.0842, 10.8087),
    (CALL, 0.5, 0.25): (2.7437, 6.8015, 13.0170),
    (CALL, 0.5, 0.35): (5.0063, 9.5106, 15.5689),
    (PUT, 0.5, 0.15): (10.5595, 4.0842, 1.0822),
    (PUT, 0.5, 0.25): (12.4419, 6.8014, 3.3226),
    (PUT, 0.5, 0.35): (14.6945, 9.5104, 5.8823),
}


@pytest.mark.parametrize(("case", "expected"), HAUG.items())
def test_quadratic_approximation_of_haug(case: tuple[int, float, float], expected: tuple[float, ...]) -> None:
    """Haug's table of Barone-Adesi and Whaley's approximation, which errs by up to 0.04 USD itself."""
    sign, years, sigma = case
    found = [value(sign, spot, 100, years, 0.1, 0.1, sigma) for spot in (90, 100, 110)]
    assert found == pytest.approx(expected, abs=0.04)


def test_call_of_bjerksund_and_stensland() -> None:
    """Haug's example of Bjerksund and Stensland (1993), a lower bound that lies 0.04 USD below the value."""
    found = value(CALL, 42, 40, 0.75, 0.04, 0.08, 0.35)
    assert 5.2704 < found < 5.2704 + 0.05


def test_put_of_hull() -> None:
    """Hull's put: 50 USD, strike 50, 10 %, 40 %, five months; 4.283 on a tree of 500 steps."""
    assert value(PUT, 50, 50, 5 / 12, 0.10, 0.0, 0.40) == pytest.approx(4.283, abs=0.002)


LONGSTAFF_SCHWARTZ = {
    36: (4.478, 4.840, 7.101, 8.508),
    38: (3.250, 3.745, 6.148, 7.670),
    40: (2.314, 2.885, 5.312, 6.920),
    42: (1.617, 2.212, 4.582, 6.248),
    44: (1.110, 1.690, 3.948, 5.647),
}


@pytest.mark.parametrize(("spot", "expected"), LONGSTAFF_SCHWARTZ.items())
def test_puts_of_longstaff_and_schwartz(spot: int, expected: tuple[float, ...]) -> None:
    """Finite differences of Longstaff and Schwartz (2001): strike 40, 6 %; exercise 50 times a year is a cent less."""
    cases = [(0.2, 1.0), (0.2, 2.0), (0.4, 1.0), (0.4, 2.0)]
    found = [value(PUT, spot, 40, years, 0.06, 0.0, sigma) for sigma, years in cases]
    assert found == pytest.approx(expected, abs=0.01)
