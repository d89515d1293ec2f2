-- The store in numbers. Reads only, and nothing that grows with what is kept.
--
-- KEYS[1]: the base of all names. ARGV: replica id, how many partitions, for how long a silent replica counts as living (ms).
-- Answer: [deliveries, pending, parked, dropped, unrouted, bytes, overdue events, overdue bytes], doc of the oldest pending delivery or
-- empty, [partition, members, doc of its oldest pending one or empty] for each partition that the replica works, [id, last sign (ms),
-- JSON or empty] for each living replica.

local base = KEYS[1]
local replica, partitions, silence = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

-- Parked ones that hold their lanes stand before the first pending one; beyond so many it is not looked for.
local LOOK = 20

local function key(name)
  return base .. ':' .. name
end

local function oldest(name)
  for _, id in ipairs(redis.call('ZRANGE', name, 0, LOOK - 1)) do
    local found = redis.call('HMGET', key('delivery:' .. id), 'state', 'doc')
    if found[1] == 'pending' then
      return found[2]
    end
  end
  return ''
end

local overdue = redis.call('HMGET', key('overdue'), 'events', 'bytes')
local counts = {
  redis.call('ZCARD', key('deliveries')),
  redis.call('ZCARD', key('state:pending')),
  redis.call('ZCARD', key('state:parked')),
  redis.call('ZCARD', key('state:dropped')),
  redis.call('ZCARD', key('unrouted')),
  tonumber(redis.call('GET', key('bytes')) or '0'),
  tonumber(overdue[1] or '0'),
  tonumber(overdue[2] or '0'),
}

local leases = {}
for number = 0, partitions - 1 do
  table.insert(leases, key('lease:' .. number))
end
local owned = {}
for place, lease in ipairs(redis.call('MGET', unpack(leases))) do
  if lease and lease:match('^(.*):') == replica then
    local part = key('part:' .. (place - 1))
    table.insert(owned, { place - 1, redis.call('ZCARD', part), oldest(part) })
  end
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local seen = redis.call('ZRANGEBYSCORE', key('replicas'), now - silence, '+inf', 'WITHSCORES')
local living = {}
for place = 1, #seen, 2 do
  table.insert(living, { seen[place], tonumber(seen[place + 1]), redis.call('GET', key('replica:' .. seen[place])) or '' })
end

return { counts, oldest(key('state:pending')), owned, living }
