-- Records: a version of 16 characters, and the job. What a step does to a job is not known here:
-- the caller has worked it out from the version it names.

local DAY = 86400000



-- The record whose entry in a set this is: 16 characters of time, 26 of id, the owner, the account.
local function record_of(entry)
    return 'calrelay:job:' .. string.sub(entry, 17, 42)
end

-- Notes since when this server's data are whole, if it is not the one that noted it last: one that was
-- started again or took over may lack what was written last, and one that was wiped lacks everything.
local function epoch(key, run, now)
    if redis.call('HGET', key, 'run') ~= run then
        redis.call('HSET', key, 'run', run, 'since', whole(now))
    end
end

-- Puts `entry` into the set, which then lives at least as long as the record, or takes it out.
local function enter(set, score, entry, life)
    if score == '' then
        redis.call('ZREM', set, entry)
        return
    end
    redis.call('ZADD', set, score, entry)
    if redis.call('PTTL', set) < life then
        redis.call('PEXPIRE', set, whole(life + DAY))
    end
end

-- Writes the record, and enters it into each set of KEYS from `first` on with the score that stands in
-- ARGV at the same distance from `scores`; an empty one takes it out. A life of 0 is the one that it has.
local function keep(record, text, life, entry, first, scores)
    if life == 0 then
        redis.call('SET', record, text, 'KEEPTTL')
    else
        redis.call('SET', record, text, 'PX', whole(life))
    end
    for i = first, #KEYS do
        enter(KEYS[i], ARGV[scores + i - first], entry, life)
    end
end
