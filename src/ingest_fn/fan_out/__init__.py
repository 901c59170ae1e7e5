"""Many accounts and Regions: what a Step Functions state machine calls before and after its map.

``plan`` says which parts there are, the map runs ``ingest_fn.app.lambda_handler`` on each, and
``summary`` adds up what the ledger says of them.
"""
