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

-- Whether the record of this entry is the compact one that it was made for: the id may have come again since. Such a
-- record has a mark, nine random characters, and its submission as the entry has it, seven bits to a character.
local function is_compact(entry)
    local head = redis.call('GETRANGE', record_of(entry), 0, 19)
    if head == '' or string.byte(head) > 2 then
        return false
    end
    local hex, held, bits = '', 0, 0
    for i = 11, #head do
        held, bits = held * 128 + string.byte(head, i), bits + 7
        if bits >= 8 then
            bits = bits - 8
            hex = hex .. string.format('%02x', math.floor(held / 2 ^ bits))
            held = held % 2 ^ bits
        end
    end
    return hex == string.sub(entry, 1, 16)
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
