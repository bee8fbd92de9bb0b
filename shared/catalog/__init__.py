"""The catalog station: tables that index the vault and hold the state of our work. Rebuildable."""
