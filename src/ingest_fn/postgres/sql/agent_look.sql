SELECT looked_at FROM agent_looks WHERE region = %(region)s AND account_id = %(account_id)s
