-- What became of claims. Put before `claim` and `work`, which share one call.
--
-- Each under the lease that it was claimed with: where that has ended, somebody else works the partition, and nothing is written.

local base = KEYS[1] .. ':'
local OURS, LOST, GONE = 0, 1, 2

local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end

local leases = {}
local function is_held(partition, token)
  if leases[partition] == nil then
    leases[partition] = redis.call('GET', base .. 'lease:' .. partition)
  end
  return leases[partition] == token
end

-- Takes: partition, token, id, seq, source, state, `stands` where it keeps its place in the lane, flight, how many of the next
-- are fields, names and values.
local function settle()
  local partition, token, id, seq, source = take(), take(), take(), take(), take()
  local state, stands, flight, count = take(), take(), take(), tonumber(take())
  local first = at + 1
  at = at + count
  if not is_held(partition, token) then
    return LOST
  end
  local name = base .. 'delivery:' .. id
  if redis.call('HGET', name, 'state') ~= 'pending' then
    return GONE
  end
  if count > 0 then
    redis.call('HSET', name, 'state', state, unpack(ARGV, first, at))
  end
  if state == 'pending' then
    if flight == '' then
      redis.call('HDEL', name, 'flight')
    else
      redis.call('HSET', name, 'flight', flight)
    end
    return OURS
  end
  redis.call('HDEL', name, 'flight', 'next')
  redis.call('ZREM', base .. 'state:pending', id)
  if state ~= 'delivered' then
    redis.call('ZADD', base .. 'state:' .. state, seq, id)
  end
  if stands == '' then
    redis.call('ZREM', base .. 'part:' .. partition, id)
  end
  redis.call('HINCRBY', base .. 'backlog', '*', -1)
  redis.call('HINCRBY', base .. 'backlog', source, -1)
  return OURS
end
