-- Seconds since the newest stored hour of any instance ended.
SELECT extract(epoch FROM clock_timestamp() - (
    SELECT max("timestamp") + interval '1 hour' FROM metrics
))::double precision
