-- Removes records that ended before ARGV[1], the first ARGV[2] of them; answers how many entries it met
-- and how many records.
-- KEYS: what has ended.

local entries = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
local forgotten = 0
for _, entry in ipairs(entries) do
    local owner = string.match(entry, '^([^:]*):', 44)
    forgotten = forgotten + redis.call('DEL', record_of(entry))
    redis.call('ZREM', KEYS[1], entry)
    redis.call('ZREM', 'calrelay:owner:' .. owner, entry)
    redis.call('ZREM', 'calrelay:jobs:succeeded', entry)
    redis.call('ZREM', 'calrelay:jobs:failed', entry)
    redis.call('ZREM', 'calrelay:jobs:cancelled', entry)
end
return { #entries, forgotten }
