"""Values, implied volatilities and Greeks of options.

What options are worth: European and American values, implied volatilities and Greeks, on arrays of doubles.

Everywhere: prices in USD per share, rates and yields continuously compounded a year, volatilities a year as fractions
of 1, time in years of 365 days.
"""
