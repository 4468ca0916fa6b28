-- Removes records that ended before ARGV[1], the first ARGV[2] of them; answers how many entries it met
-- and how many records.
-- KEYS: what has ended, the sets of compact records.
-- ARGV[3] is the same instant in ms: compact records go by the day.

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
local met = #entries

-- Whether the record of this entry is the compact one that it was made for: the id may have come again since.
local function is_compact(entry)
    local head = redis.call('GETRANGE', record_of(entry), 16, 24)
    local hex = string.gsub(string.sub(head, 2), '.', function(byte)
        return string.format('%02x', string.byte(byte))
    end)
    return string.sub(head, 1, 1) == '\1' and hex == string.sub(entry, 1, 16)
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])) do
    local set = 'calrelay:compact:' .. name
    local some = tonumber(ARGV[2]) - met
    local old = some > 0 and redis.call('ZRANGE', set, 0, some - 1) or {}
    for _, entry in ipairs(old) do
        if is_compact(entry) then
            forgotten = forgotten + redis.call('DEL', record_of(entry))
        end
        redis.call('ZREM', set, entry)
    end
    met = met + #old
    if redis.call('EXISTS', set) == 0 then
        redis.call('ZREM', KEYS[2], name)
    end
end
return { met, forgotten }
