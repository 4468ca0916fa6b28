-- The next records that ended, with their entries and when they did. None while a build that could not read a
-- compact one may still run, nor while another process sees to them.
-- KEYS: the epoch, what has ended, the lease.
-- ARGV: the run, the first and the last instant, the most of them, how long ago the first build that knows
-- compact records must have come (µs), who asks, for how long it then is the only one (ms).

local now = microseconds()
epoch(KEYS[1], ARGV[1], now)
redis.call('HSETNX', KEYS[1], 'compact', whole(now))
if now - redis.call('HGET', KEYS[1], 'compact') < tonumber(ARGV[5]) then
    return {}
end
local holder = redis.call('GET', KEYS[3])
if holder and holder ~= ARGV[6] then
    return {}
end
redis.call('SET', KEYS[3], ARGV[6], 'PX', ARGV[7])
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[2], ARGV[3], 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local found = {}
for i = 1, #ended, 2 do
    found[(i + 1) / 2] = { ended[i], ended[i + 1], redis.call('GET', record_of(ended[i])) or '' }
end
return found
