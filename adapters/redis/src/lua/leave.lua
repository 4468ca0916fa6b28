-- Winds a line back.
-- KEYS: the line. ARGV: the charge (µs).

local now = microseconds()
local turn = tonumber(redis.call('GET', KEYS[1]) or 0) - ARGV[1]
if turn > now then
    redis.call('SET', KEYS[1], whole(turn), 'PX', whole(math.ceil((turn - now) / 1000) + 1))
else
    redis.call('DEL', KEYS[1])
end
return 1
