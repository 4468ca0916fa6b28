-- Keeps a token, unless there is one of a newer connection.
-- KEYS: the token. ARGV: its generation, the token, how long it is good (ms).

if tonumber(redis.call('HGET', KEYS[1], 'generation') or 0) > tonumber(ARGV[1]) then
    return 0
end
if tonumber(ARGV[3]) > 0 then
    redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'sealed', ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
    redis.call('DEL', KEYS[1])
end
return 1
