-- Takes the turn to refresh a token; answers whether another process has it. With another token there than
-- the one seen before, nobody needs it.
-- KEYS: the turn, the token. ARGV: who asks, how long the turn lasts (ms), the token seen before.

local there = redis.call('HGET', KEYS[2], 'sealed')
if there and there ~= ARGV[3] then
    return 0
end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return 0
end
return 1
