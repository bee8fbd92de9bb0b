"""Station Graph: the language kinds speak (steps), and the client that speaks it to Microsoft."""
