-- How many units each meter's window saw.
-- KEYS: meters. ARGV: their window (µs), or 'day'.

local now = microseconds()
local used = {}
for i, key in ipairs(KEYS) do
    if ARGV[1] == 'day' then
        used[i] = whole(read_day(key, now).total)
    else
        local length = tonumber(ARGV[1])
        local meter = read_pace(key)
        roll(meter, now, length)
        used[i] = whole(within(meter, now, length))
    end
end
return used
