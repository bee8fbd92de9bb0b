"""Runs on one machine: the stand-ins for Microsoft 365 and Azure, and the commands that play with them."""
