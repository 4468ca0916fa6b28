-- Meters: what was taken from a limit. Of a second's or a minute's the next free instant (`free`, µs), up to when turns
-- are booked (`booked`, µs), and how many units the present span and the one before it saw; of a day's the units of
-- each hour.

local HOUR = 3600000000
-- The day's 24 and the one that it is leaving: together they always cover the whole day.
local HOURS = 25

-- Keeps the hours that count, oldest first.
local function read_day(key, now)
    local present = math.floor(now / HOUR)
    local meter = { hours = {}, past = {}, total = 0, present = present }
    local kept = redis.call('HGETALL', key)
    for i = 1, #kept, 2 do
        local hour, units = tonumber(kept[i]), tonumber(kept[i + 1])
        if hour > present - HOURS then
            table.insert(meter.hours, { hour = hour, units = units })
            meter.total = meter.total + units
        else
            table.insert(meter.past, kept[i])
        end
    end
    table.sort(meter.hours, function(one, other) return one.hour < other.hour end)
    return meter
end

-- Adds to the present hour.
local function add_to_day(key, meter, units)
    for _, hour in ipairs(meter.past) do
        redis.call('HDEL', key, hour)
    end
    redis.call('HINCRBY', key, whole(meter.present), whole(units))
    redis.call('PEXPIRE', key, whole((HOURS + 1) * HOUR / 1000))
end

local function read_pace(key)
    local kept = redis.call('HMGET', key, 'free', 'span', 'units', 'before', 'booked')
    return {
        free = tonumber(kept[1] or 0),
        booked = tonumber(kept[5] or 0),
        span = tonumber(kept[2] or 0),
        units = tonumber(kept[3] or 0),
        before = tonumber(kept[4] or 0),
    }
end

-- Moves the counts on to the span of `length` that it is now.
local function roll(meter, now, length)
    local present = math.floor(now / length)
    if present == meter.span + 1 then
        meter.before, meter.units = meter.units, 0
    elseif present ~= meter.span then
        meter.before, meter.units = 0, 0
    end
    meter.span = present
end

-- What the last `length` saw, as if the units of the span before had come evenly.
local function within(meter, now, length)
    return meter.units + meter.before * (1 - (now % length) / length)
end
