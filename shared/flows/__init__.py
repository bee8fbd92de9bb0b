"""The journeys: plan, backup, items, restore, rebuild. They read as prose and do no I/O but through the ports."""
