-- Joins a line; answers how many microseconds until its turn.
-- KEYS: the line, the line that goes before it. ARGV: the charge (µs), 0 to look only.

return whole(join(KEYS[1], KEYS[2], tonumber(ARGV[1]), microseconds()))
