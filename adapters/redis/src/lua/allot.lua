-- Takes up to ARGV[2] requests out of a window of ARGV[1]; answers how many were taken, how many are left, for how
-- long (ms), and how many ingresses have asked lately.
-- KEYS: the window's count, the ingresses by when they last asked.
-- ARGV: the limit, how many are wanted, the window (ms), who asks, after how long one is forgotten (µs).

local used = tonumber(redis.call('GET', KEYS[1]) or 0)
local left = math.max(tonumber(ARGV[1]) - used, 0)
local granted = math.min(tonumber(ARGV[2]), left)
if granted > 0 then
    redis.call('INCRBY', KEYS[1], granted)
end
local life = redis.call('PTTL', KEYS[1])
if life < 0 then
    life = tonumber(ARGV[3])
    if granted > 0 then
        redis.call('PEXPIRE', KEYS[1], life)
    end
end

local now = microseconds()
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now - ARGV[5]))
redis.call('ZADD', KEYS[2], whole(now), ARGV[4])
redis.call('PEXPIRE', KEYS[2], whole(2 * ARGV[5] / 1000))
return { granted, left - granted, life, redis.call('ZCARD', KEYS[2]) }
