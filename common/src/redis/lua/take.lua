-- Takes from every limit at once, or from none.
-- KEYS: the mark, and for each limit its meter and its pause.
-- ARGV: the mark as the caller knows it ('' for not at all), and for each limit whether it is a day's
-- ('day') or is paced ('pace'), its cost, units allowed, window, charge, charge of one unit, slack (µs), and
-- how much may be taken already for the cost to be let through.

local ARGUMENTS = 8
local DAY = 24 * HOUR

local now = microseconds()
local mark = redis.call('GET', KEYS[1])
if ARGV[1] ~= '' and mark ~= ARGV[1] then
    return { 'lost' }
end
if not mark then
    -- Nobody knows of anything that was taken here: as if all had been idle for long.
    mark = whole(now - 2 * DAY)
    redis.call('SET', KEYS[1], mark, 'PX', whole(2 * DAY / 1000))
end

local function wait_for_pace(meter, limit)
    local free = math.max(meter.free, mark + limit.slack + limit.one)
    return free + limit.charge - limit.one - now - limit.slack
end

local function wait_for_day(meter, limit)
    local total, wait = meter.total, 0
    for _, entry in ipairs(meter.hours) do
        if total <= limit.room then
            break
        end
        total = total - entry.units
        wait = (entry.hour + HOURS) * HOUR - now
    end
    return wait
end

local limits, meters, longest = {}, {}, 0
for i = 1, (#KEYS - 1) / 2 do
    local from = 1 + (i - 1) * ARGUMENTS
    local limit = {
        key = KEYS[2 * i],
        kind = ARGV[from + 1],
        cost = tonumber(ARGV[from + 2]),
        allowed = tonumber(ARGV[from + 3]),
        window = tonumber(ARGV[from + 4]),
        charge = tonumber(ARGV[from + 5]),
        one = tonumber(ARGV[from + 6]),
        slack = tonumber(ARGV[from + 7]),
        room = tonumber(ARGV[from + 8]),
    }
    limits[i] = limit
    local wait = tonumber(redis.call('GET', KEYS[2 * i + 1]) or now) - now
    if limit.cost > 0 and limit.allowed == 0 then
        wait = math.max(wait, limit.window)
    elseif limit.kind == 'day' then
        local meter = meters[limit.key] or read_day(limit.key, now)
        meters[limit.key] = meter
        if limit.cost > 0 then
            wait = math.max(wait, wait_for_day(meter, limit))
        end
        meter.total = meter.total + limit.cost
    else
        local meter = meters[limit.key] or read_pace(limit.key)
        meters[limit.key] = meter
        if limit.cost > 0 then
            wait = math.max(wait, wait_for_pace(meter, limit))
        end
        meter.free = math.max(meter.free, now) + limit.charge
    end
    longest = math.max(longest, wait)
end
if longest > 0 then
    return { 'refused', whole(math.ceil(longest)) }
end

local answer = { 'granted', mark }
for i, limit in ipairs(limits) do
    local meter = meters[limit.key]
    if not meter then
        answer[i + 2] = '0'
    elseif limit.kind == 'day' then
        add_to_day(limit.key, meter, limit.cost)
        answer[i + 2] = whole(meter.total)
    else
        roll(meter, now, limit.window)
        meter.units = meter.units + limit.cost
        redis.call('HSET', limit.key, 'free', whole(meter.free), 'span', whole(meter.span),
            'units', whole(meter.units), 'before', whole(meter.before))
        -- Two windows cover the counts and how far the line is ahead; a large cost needs it to have been
        -- idle for one more.
        local idle = math.max(meter.free - now, 0) + 3 * limit.window
        redis.call('PEXPIRE', limit.key, whole(math.ceil(idle / 1000)))
        answer[i + 2] = whole(within(meter, now, limit.window))
    end
end
return answer
