-- Winds back up to when turns are booked.
-- KEYS: meters. ARGV: for each of them how far (µs).

for i, key in ipairs(KEYS) do
    local kept = redis.call('HMGET', key, 'free', 'booked')
    if kept[2] then
        local booked = math.max(tonumber(kept[2]) - ARGV[i], tonumber(kept[1] or 0))
        redis.call('HSET', key, 'booked', whole(booked))
    end
end
return 1
