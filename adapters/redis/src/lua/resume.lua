-- Takes up a server again that was away, or that has lost what it knew. What was taken meanwhile is unknown,
-- so every line is as full as it can be from now on; days are told from memory.
-- KEYS: the mark, and the meters of days.
-- ARGV: the mark as the caller knows it ('' for not at all), and for each day how much the caller has seen
-- taken, and how much it took meanwhile.

local now = microseconds()
local mark = redis.call('GET', KEYS[1])
-- Another one, and a young one, means that somebody was here already.
local told = mark and ARGV[1] ~= '' and mark ~= ARGV[1] and tonumber(mark) > now - 60000000
if not told then
    mark = whole(now)
    redis.call('SET', KEYS[1], mark, 'PX', whole(48 * HOUR / 1000))
end
for i = 2, #KEYS do
    local meter = read_day(KEYS[i], now)
    local missing = math.max(tonumber(ARGV[2 * i - 2]) - meter.total, 0)
    local units = missing + tonumber(ARGV[2 * i - 1])
    if units > 0 then
        add_to_day(KEYS[i], meter, units)
    end
end
return mark
