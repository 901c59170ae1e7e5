"""AWS clients for this account and for others, and the translation of AWS's errors."""
