"""Whether a run would work: everything it needs, tried and not guessed."""
