-- The jobs that were due first, with their entries and when that was; entries whose record is gone go. None while
-- another process asks for them.
-- KEYS: what is due, the lease.
-- ARGV: the first instant, the entry to go on behind or '', the instant before which they were due, the most of them,
-- who asks, for how long it then is the only one (ms).

local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[5] then
    return {}
end
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
-- Those of one instant are in the order of their entries.
local behind = 0
if ARGV[2] ~= '' and redis.call('ZSCORE', KEYS[1], ARGV[2]) == ARGV[1] then
    behind = redis.call('ZRANK', KEYS[1], ARGV[2]) + 1 - redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[1])
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '(' .. ARGV[3], 'WITHSCORES', 'LIMIT', behind, ARGV[4])
local found = {}
for i = 1, #due, 2 do
    local text = redis.call('GET', record_of(due[i]))
    if text then
        found[#found + 1] = { due[i], due[i + 1], text }
    else
        redis.call('ZREM', KEYS[1], due[i])
    end
end
return found
