"""What the rows and the prices say: estimates, verdicts' prices, checks, the page."""
