"""The library behind the doors: nouns, ports, kinds, journeys and the stations they use."""
