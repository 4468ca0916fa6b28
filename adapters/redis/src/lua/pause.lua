-- Holds a key, unless it is held for longer already.
-- KEYS: the pause. ARGV: its length (µs).

local now = microseconds()
local ends = now + ARGV[1]
if ends > tonumber(redis.call('GET', KEYS[1]) or 0) then
    redis.call('SET', KEYS[1], whole(ends), 'PX', whole(math.ceil(ARGV[1] / 1000) + 1))
end
return 1
