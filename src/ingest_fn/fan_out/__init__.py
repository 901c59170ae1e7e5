"""Many accounts and Regions: the first and the last step of a Step Functions state machine.

The first step plans the parts. The map runs ``ingest_fn.app.lambda_handler`` on each part. The last
step adds up the parts' rows in the ledger. See docs/fan-out.md.
"""
