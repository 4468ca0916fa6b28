-- Replaces a record by its compact form, if it still has the version that the caller has seen, and puts it into one
-- set in place of three. Its life stays as long as it was.
-- KEYS: the record, the sets of compact records, the one that it goes into, the sets that it leaves.
-- ARGV: the version, the new text, its entry, the name of its set, the end of that set's day.

if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
local life = redis.call('PTTL', KEYS[1])
for i = 4, #KEYS do
    redis.call('ZREM', KEYS[i], ARGV[3])
end
enter(KEYS[3], 0, ARGV[3], life)
enter(KEYS[2], ARGV[5], ARGV[4], life)
return 1
