SELECT DISTINCT region, coalesce(platform, 'Linux')
FROM instances
WHERE state IS DISTINCT FROM 'terminated'
ORDER BY 1, 2
