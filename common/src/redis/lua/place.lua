-- Joins a line; answers how many microseconds until its turn.
-- KEYS: the line. ARGV: the charge (µs).

return whole(join(KEYS[1], tonumber(ARGV[1]), microseconds()))
