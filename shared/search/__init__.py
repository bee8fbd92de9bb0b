"""The search index: what words are, and how a shard of the index lies in one blob. Pure."""
