"""Hourly EC2 utilisation from CloudWatch into Postgres."""
