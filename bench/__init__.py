"""Figures about the product: `python -m bench`. Counts and ratios are the result; wall times are for information."""
