-- A run of events in order of receipt, from a place on. Reads only, and no more than it answers.
--
-- ARGV: `up` or `down`, since, until (ms, or -inf, +inf), how many at most, then the place behind which to begin, if not at the edge:
-- received at (ms), seq (14 digits).
-- Answer: member, score, member, score, …

local up, since, till, most = ARGV[1] == 'up', ARGV[2], ARGV[3], tonumber(ARGV[4])
local at, seq = ARGV[5], ARGV[6]

local first = redis.call('ZCOUNT', events, '-inf', '(' .. since)
local last = redis.call('ZCOUNT', events, '-inf', till) - 1
if up then
  if at then
    first = math.max(first, before(at, seq, true))
  end
  last = math.min(last, first + most - 1)
else
  if at then
    last = math.min(last, before(at, seq, false) - 1)
  end
  first = math.max(first, last - most + 1)
end
if last < first then
  return {}
end
if up then
  return redis.call('ZRANGE', events, first, last, 'WITHSCORES')
end
local all = redis.call('ZCARD', events)
return redis.call('ZREVRANGE', events, all - 1 - last, all - 1 - first, 'WITHSCORES')
