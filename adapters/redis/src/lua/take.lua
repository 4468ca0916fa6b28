-- Takes from every limit at once, or from none; where it does not, a turn may be booked.
-- KEYS: the mark, and for each limit its meter and its pause.
-- ARGV: the mark as the caller knows it ('' for not at all); how the call comes ('new', 'booked', 'further', 'now', or
-- 'book': only a turn is wanted, and only one that is further away than that); how far ahead a call may be reserved
-- and the project's line be kept waiting (µs, both); and for each limit whether it is a day's ('day'), is paced
-- ('pace'), or is paced and all accounts' ('shared'), its cost, units allowed, window, charge, charge of one unit,
-- slack (µs), how much may be taken already for the cost to be let through, and for how long a turn is booked (µs).

local BEFORE = 4
local ARGUMENTS = 9
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
local mode = ARGV[2]
local newcomer = mode == 'new' or mode == 'book'
local ahead, gap = tonumber(ARGV[3]), tonumber(ARGV[4])

-- From when on the next unit is free, and up to when turns are booked. A line that has fallen half its slack behind is
-- not kept busy by those who booked: then they bind nobody.
local function line_of(meter, limit)
    local free = math.max(meter.free, mark + limit.slack + limit.one)
    local booked = free
    if free > now + limit.slack / 2 then
        booked = math.max(free, meter.booked)
    end
    return free, booked
end

local function wait_for_pace(meter, limit)
    local free, booked = line_of(meter, limit)
    return (newcomer and booked or free) + limit.charge - limit.one - now - limit.slack
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

local limits, meters = {}, {}
-- The longest wait, the paced limit that makes it, and whether any other reason to wait is as long.
local longest, binding, closed = 0, nil, false
-- Whether turns are booked that have not come, and from when on the project's line is free.
local outstanding, shared = false, nil
for i = 1, (#KEYS - 1) / 2 do
    local from = BEFORE + (i - 1) * ARGUMENTS
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
        turns = tonumber(ARGV[from + 9]),
    }
    limits[i] = limit
    local wait = math.max(tonumber(redis.call('GET', KEYS[2 * i + 1]) or now) - now, 0)
    if limit.cost > 0 and limit.allowed == 0 then
        wait, closed = math.max(wait, limit.window), true
    elseif limit.kind == 'day' then
        local meter = meters[limit.key] or read_day(limit.key, now)
        meters[limit.key] = meter
        if limit.cost > 0 then
            local room = wait_for_day(meter, limit)
            closed = closed or room > 0
            wait = math.max(wait, room)
        end
        meter.total = meter.total + limit.cost
    else
        local meter = meters[limit.key]
        if not meter then
            meter = read_pace(limit.key)
            meter.kept = { free = meter.free, booked = meter.booked }
            meters[limit.key] = meter
        end
        local free, booked = line_of(meter, limit)
        outstanding = outstanding or booked > free
        if limit.kind == 'shared' then
            shared = math.max(free, now)
        end
        if limit.cost > 0 then
            wait = math.max(wait, wait_for_pace(meter, limit))
        end
        if wait > longest then
            binding = i
        end
        meter.free = math.max(meter.free, now) + limit.charge
    end
    longest = math.max(longest, wait)
end

local at = now + longest
local reserves = longest <= ahead and not closed and mode ~= 'book'
    and not (newcomer and outstanding) and not (shared and at - shared > gap)
if mode == 'book' and longest <= ahead then
    return { 'free' }
end
if longest > 0 and not reserves then
    if not newcomer or closed or not binding then
        return { mode == 'book' and 'free' or 'refused', whole(math.ceil(longest)) }
    end
    local limit = limits[binding]
    local meter = meters[limit.key]
    local booked = math.max(line_of(meter.kept, limit), meter.kept.booked, at) + limit.turns
    redis.call('HSET', limit.key, 'booked', whole(booked))
    redis.call('PEXPIRE', limit.key, whole(math.ceil((booked - now + 3 * limit.window) / 1000)))
    return { 'booked', whole(math.ceil(longest)), whole(binding) }
end

local answer = { 'granted', whole(math.ceil(math.max(longest, 0))), mark }
for _, limit in ipairs(limits) do
    local meter = meters[limit.key]
    if meter and meter.kept then
        meter.free, meter.booked = meter.kept.free, meter.kept.booked
        meter.kept = nil
    end
end
for i, limit in ipairs(limits) do
    local meter = meters[limit.key]
    if not meter then
        answer[i + 3] = '0'
    elseif limit.kind == 'day' then
        add_to_day(limit.key, meter, limit.cost)
        answer[i + 3] = whole(meter.total)
    else
        if limit.cost > 0 and (newcomer or mode == 'further') then
            meter.booked = math.max(line_of(meter, limit), meter.booked, at) + limit.charge
        end
        if limit.cost > 0 then
            meter.free = math.max(meter.free, at) + limit.charge
        end
        roll(meter, now, limit.window)
        meter.units = meter.units + limit.cost
        redis.call('HSET', limit.key, 'free', whole(meter.free), 'booked', whole(meter.booked),
            'span', whole(meter.span), 'units', whole(meter.units), 'before', whole(meter.before))
        -- Two windows cover the counts and how far the line is ahead; a large cost needs it to have been
        -- idle for one more.
        local idle = math.max(meter.free - now, meter.booked - now, 0) + 3 * limit.window
        redis.call('PEXPIRE', limit.key, whole(math.ceil(idle / 1000)))
        answer[i + 3] = whole(within(meter, now, limit.window))
    end
end
return answer
