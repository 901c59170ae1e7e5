"""A synthetic fleet whose every machine says what it is, so that detection can be scored on it."""
