-- Since when no record has been lost, in microseconds since 1970.
-- KEYS: the epoch. ARGV: the run.

epoch(KEYS[1], ARGV[1], microseconds())
return redis.call('HGET', KEYS[1], 'since')
