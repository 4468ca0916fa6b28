-- Counts the workers, the one that asks among them.
-- KEYS: the workers by when they last said so, the mark. ARGV: this one, after how long one is forgotten (µs).

local now = microseconds()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - ARGV[2]))
redis.call('ZADD', KEYS[1], whole(now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], whole(2 * ARGV[2] / 1000))
-- The mark lives as long as anybody goes by it.
redis.call('PEXPIRE', KEYS[2], 172800000)
return redis.call('ZCARD', KEYS[1])
