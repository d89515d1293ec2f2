-- What is new in the lanes of a partition: arrivals in order, and what else happened. Reads only.
--
-- KEYS[1]: the base of all names.
-- ARGV: 1 partition, 2 the last seq known, 3 the last version known, or empty at first, 4 most arrivals to answer.
-- Answer: version, 1 if the log no longer reaches back to the version known, arrivals as [seq, id, doc, state, next, flight], log
-- as [what, seq, id, doc, state, next, flight] up to that version.

local base = KEYS[1] .. ':'
local partition, known, since = ARGV[1], ARGV[2], tonumber(ARGV[3])

local function read(line, id)
  local found = redis.call('HMGET', base .. 'delivery:' .. id, 'doc', 'state', 'next', 'flight')
  for place = 1, 4 do
    table.insert(line, found[place])
  end
  return line
end

local version = tonumber(redis.call('GET', base .. 'version:' .. partition) or '0')
local log, gap = {}, 0
if since and version ~= since then
  local missed = version - since
  local lines = missed > 0 and redis.call('LRANGE', base .. 'log:' .. partition, -missed, -1) or {}
  for place, text in ipairs(lines) do
    local number, what, seq, id = string.match(text, '^(%d+) (%S+) (%d+) (%S+)$')
    if place == 1 and tonumber(number) ~= since + 1 then
      gap = 1
    end
    table.insert(log, read({ what, tonumber(seq), id }, id))
  end
  if #lines ~= missed then
    gap = 1
  end
end

local arrivals = {}
local found = redis.call('ZRANGEBYSCORE', base .. 'part:' .. partition, '(' .. known, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for place = 1, #found, 2 do
  local id = found[place]
  table.insert(arrivals, read({ tonumber(found[place + 1]), id }, id))
end
return { version, gap, arrivals, log }
