-- Lines: when the next one to join has its turn, in microseconds since 1970 by this server's clock.
-- Every script that joins or leaves one begins with this text.

local function microseconds()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

-- As a decimal: Lua itself would round to 14 digits.
local function whole(number)
    return string.format('%.0f', number)
end

-- Joins the line at `key` for `charge` microseconds; answers how long until its turn, which comes after those
-- in the line at `ahead` too. For nothing nobody joins.
local function join(key, ahead, charge, now)
    local mine = math.max(tonumber(redis.call('GET', key) or now), now)
    if charge > 0 then
        local next = mine + charge
        -- A line whose turn is past says nothing: it may go.
        redis.call('SET', key, whole(next), 'PX', whole(math.ceil((next - now) / 1000) + 1))
    end
    if ahead == key then
        return mine - now
    end
    -- Each line keeps to its own clock, so that either gets back what was taken of it and no more.
    return mine - now + math.max(tonumber(redis.call('GET', ahead) or now) - now, 0)
end
