"""A look at our own set-up: nouns and rules (pure), and the instruments that measure outside (world)."""
