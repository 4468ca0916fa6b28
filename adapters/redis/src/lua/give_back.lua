-- Gives units back to days, from the newest hour on.
-- KEYS: meters of days. ARGV: for each of them how many units.

local now = microseconds()
for i, key in ipairs(KEYS) do
    local left = tonumber(ARGV[i])
    local hours = read_day(key, now).hours
    for at = #hours, 1, -1 do
        local units = math.min(left, hours[at].units)
        if units > 0 then
            redis.call('HINCRBY', key, whole(hours[at].hour), whole(-units))
            left = left - units
        end
    end
end
return 1
