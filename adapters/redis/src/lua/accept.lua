-- Makes the record of a job that has just been asked for, and gives it its place in its account's line.
-- KEYS: the record, the epoch, the line, the owner's backlog, the account's backlog, what is due, what has
-- ended, the line that goes before, further sets.
-- ARGV: the text, its life in ms, its entry, the run, now in ms, the most for the account, the most for the
-- owner, the line's charge in µs (0 to join none), when it was asked for in µs, when it may start in µs, the score of the
-- backlogs, a score for each further set.

local known = redis.call('GET', KEYS[1])
if known then
    return { 'known', known }
end

-- Records that nobody ended go when their life is over. Their entries go here, a few at a time.
local function overdue(entry)
    local owner, account = string.match(entry, '^([^:]*):(.*)$', 44)
    redis.call('ZREM', KEYS[4], entry)
    redis.call('ZREM', 'calrelay:backlog:' .. owner .. ':' .. account, entry)
    redis.call('ZREM', 'calrelay:owner:' .. owner, entry)
    redis.call('ZREM', 'calrelay:jobs:open', entry)
    redis.call('ZREM', 'calrelay:jobs:blocked', entry)
    redis.call('ZREM', KEYS[6], entry)
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[5], 'LIMIT', 0, 10)) do
    overdue(entry)
end

-- And so do those of records that had ended.
local function outlived(entry)
    local owner = string.match(entry, '^([^:]*):', 44)
    redis.call('ZREM', KEYS[7], entry)
    redis.call('ZREM', 'calrelay:owner:' .. owner, entry)
    redis.call('ZREM', 'calrelay:jobs:succeeded', entry)
    redis.call('ZREM', 'calrelay:jobs:failed', entry)
    redis.call('ZREM', 'calrelay:jobs:cancelled', entry)
end
for _, entry in ipairs(redis.call('ZRANGE', KEYS[7], 0, 1)) do
    if redis.call('EXISTS', record_of(entry)) == 0 then
        outlived(entry)
    end
end

if redis.call('ZCARD', KEYS[5]) >= tonumber(ARGV[6]) then
    return { 'account-full' }
end
if redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[7]) then
    return { 'owner-full' }
end

local now = microseconds()
epoch(KEYS[2], ARGV[4], now)
local delay = join(KEYS[3], KEYS[8], tonumber(ARGV[8]), now)
local life = tonumber(ARGV[2])
enter(KEYS[4], ARGV[11], ARGV[3], life)
enter(KEYS[5], ARGV[11], ARGV[3], life)
enter(KEYS[6], whole(math.max(ARGV[9] + delay, tonumber(ARGV[10]))), ARGV[3], life)
keep(KEYS[1], ARGV[1], life, ARGV[3], 9, 12)
return { 'new', whole(delay), redis.call('HGET', KEYS[2], 'since') }
