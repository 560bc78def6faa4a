"""Redshift: what differs there."""

from typing import Final

# Redshift prints 15 digits of a double otherwise; 17 tell every one apart.
_REDSHIFT_SESSION: Final = ("SET extra_float_digits TO 2",)
