-- Where the prices come from, and as of when.
SELECT source, max(as_of) AS as_of, count(*) AS prices
FROM prices
WHERE as_of <= %(until)s
GROUP BY source
ORDER BY source
