-- The earliest instant at which a record was due, up to ARGV[1]; entries whose record is gone go too.
-- KEYS: what is due.

for _ = 1, 100 do
    local first = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, 1)
    if #first == 0 then
        return false
    end
    if redis.call('EXISTS', record_of(first[1])) == 1 then
        return first[2]
    end
    redis.call('ZREM', KEYS[1], first[1])
end
return false
