"""AWS clients for this account and for others, and AWS's errors in the words of this package."""
