"""The catalog's tables by name: the one list of them. A book of the catalog imports here those that it writes into."""

from __future__ import annotations

INDEX = VERSIONS, FEEDS = "versions", "feeds"  # what the vault says, and a rebuild writes anew
PEOPLE_AND_RUNS = OWNERS, LANES, RUNS, OWED, LOST, AUDIT = "owners", "lanes", "runs", "owed", "lost", "audit"
GIVEN_BACK = RESTORES, OUTCOMES, PROGRESS, DRILLS = "restores", "outcomes", "progress", "drills"
GIVEN_OUT = EXPORTS, VOLUMES = "exports", "volumes"
LOOKED_AFTER = CARE, HEALTH, HOLDS, MARKS, POLICIES = "care", "health", "holds", "marks", "policies"
REPORTED = COVERAGE, COUNTS, USAGE, STORED, SEARCH = "coverage", "counts", "usage", "stored", "search"
ALL = (*INDEX, *PEOPLE_AND_RUNS, *GIVEN_BACK, *GIVEN_OUT, *LOOKED_AFTER, *REPORTED)
