-- Replaces, makes or removes a record, if it still has the version that the caller has seen.
-- KEYS: the record, the epoch, the sets.
-- ARGV: the version ('' for none), the new text ('' for none), its life in ms, its entry, the run, the
-- channel ('' to tell nobody), the id, a score for each set.

local held = redis.call('GETRANGE', KEYS[1], 0, 15)
if held ~= ARGV[1] then
    if held == '' then
        return { 'missing' }
    end
    return { 'other', redis.call('GET', KEYS[1]) }
end
if held == '' then
    epoch(KEYS[2], ARGV[5], microseconds())
end
if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
    for i = 3, #KEYS do
        redis.call('ZREM', KEYS[i], ARGV[4])
    end
else
    keep(KEYS[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], 3, 8)
end
if ARGV[6] ~= '' then
    redis.call('PUBLISH', ARGV[6], ARGV[7])
end
return { 'written' }
