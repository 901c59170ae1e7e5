"""Which instances to read: from SSM parameters and from EC2."""
