-- Puts one page of what is unfinished in doubt: the store is a copy, and what has happened since it was made is not known.
--
-- KEYS[1]: the base of all names. ARGV: `pending` or `parked`, first place, last place, for how long a silent replica counts as
-- living (ms).
-- Answer: how many deliveries stand at these places; -1 where there is no store, -2 where a replica lives.

local base = KEYS[1] .. ':'

if redis.call('EXISTS', base .. 'meta') == 0 then
  return -1
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if redis.call('ZCOUNT', base .. 'replicas', now - tonumber(ARGV[4]), '+inf') > 0 then
  return -2
end

local ids = redis.call('ZRANGE', base .. 'state:' .. ARGV[1], ARGV[2], ARGV[3])
for _, id in ipairs(ids) do
  -- Whatever lease it was begun under: nobody saw the end of that, either.
  local name = base .. 'delivery:' .. id
  redis.call('HSET', name, 'flight', '?')
  if ARGV[1] == 'pending' then
    -- When a first attempt was is not known either: it was not before the acceptance.
    local doc = cjson.decode(redis.call('HGET', name, 'doc') or '{}')
    if doc.accepted_at then
      redis.call('HSETNX', name, 'first', string.format('%.0f', doc.accepted_at))
    end
  end
end
return #ids
