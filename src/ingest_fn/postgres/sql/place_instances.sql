UPDATE instances SET region = %(region)s
WHERE id = ANY(%(keys)s) AND region <> %(region)s
