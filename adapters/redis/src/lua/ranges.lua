-- The first entries of each set between two bounds, and before them how many of each at most. At once, or a record
-- that moves between two sets might be met in neither.
-- KEYS: the sets.
-- ARGV: the bounds, the most entries, whose compact records to look at too: an owner's, everybody's ('*'), or
-- nobody's ('').

local sets = {}
for i, set in ipairs(KEYS) do
    sets[i] = set
end
if ARGV[4] ~= '' then
    for _, name in ipairs(redis.call('ZRANGE', 'calrelay:compact', 0, -1)) do
        if ARGV[4] == '*' or string.match(name, ':(.*)$') == ARGV[4] then
            table.insert(sets, 'calrelay:compact:' .. name)
        end
    end
end
-- However many they are, the answer does not grow much.
local most = math.min(tonumber(ARGV[3]), math.max(math.ceil(5 * ARGV[3] / #sets), 20))
local ranges = { { tostring(most) } }
for i, set in ipairs(sets) do
    ranges[i + 1] = redis.call('ZRANGEBYLEX', set, ARGV[1], ARGV[2], 'LIMIT', 0, most)
end
return ranges
