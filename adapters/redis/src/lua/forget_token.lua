-- Forgets a token, unless it was replaced.
-- KEYS: the token. ARGV: the token that is meant.

if redis.call('HGET', KEYS[1], 'sealed') == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
