-- The first ARGV[3] entries of each set between two bounds. At once, or a record that moves between two
-- sets might be met in neither.
-- KEYS: the sets.

local ranges = {}
for i, set in ipairs(KEYS) do
    ranges[i] = redis.call('ZRANGEBYLEX', set, ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
end
return ranges
