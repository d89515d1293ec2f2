-- A replica's sign of life: it keeps the leases that it has and takes free ones up to its share. Time is the server's.
--
-- KEYS[1]: the base of all names.
-- ARGV: 1 replica id, 2 how long a lease and a sign of life last (ms), 3 JSON about the replica, 4 `works`, or empty where it
-- takes nothing any more and counts no longer, 5 how many partitions, 6 where to begin looking for free ones, 7 how many of its own
-- it means to keep, 8 how many it has, each as partition, token. Then partitions that it does not want.
-- Answer: [living replicas, share, last seq], [partition, 1 if still ours, version, last seq in its lanes] for each of its own,
-- [partition, token] for each taken.

local base = KEYS[1] .. ':'
local me, length, partitions = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])
local works = ARGV[4] ~= ''

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if works then
  redis.call('ZADD', base .. 'replicas', now, me)
  redis.call('SET', base .. 'replica:' .. me, ARGV[3], 'PX', length)
else
  redis.call('ZREM', base .. 'replicas', me)
  redis.call('DEL', base .. 'replica:' .. me)
end
redis.call('ZREMRANGEBYSCORE', base .. 'replicas', '-inf', now - length)
local living = redis.call('ZCARD', base .. 'replicas')
local share = math.ceil(partitions / math.max(living, 1))

local passed, owned = {}, {}
local at = 8
for number = 1, tonumber(ARGV[8]) do
  local partition, token = ARGV[at + 1], ARGV[at + 2]
  at = at + 2
  passed[partition] = true
  local lease = base .. 'lease:' .. partition
  local ours = redis.call('GET', lease) == token
  if ours then
    redis.call('PEXPIRE', lease, length)
  end
  local last = redis.call('ZRANGE', base .. 'part:' .. partition, -1, -1, 'WITHSCORES')
  owned[number] = {
    tonumber(partition),
    ours and 1 or 0,
    tonumber(redis.call('GET', base .. 'version:' .. partition) or '0'),
    tonumber(last[2] or '0'),
  }
end
while at < #ARGV do
  at = at + 1
  passed[ARGV[at]] = true
end

local taken = {}
local wanted = works and share - tonumber(ARGV[7]) or 0
for offset = 0, partitions - 1 do
  if #taken >= wanted then
    break
  end
  local partition = (tonumber(ARGV[6]) + offset) % partitions
  local name = string.format('%d', partition)
  local lease = base .. 'lease:' .. name
  if not passed[name] and redis.call('EXISTS', lease) == 0 then
    local token = me .. ':' .. string.format('%d', redis.call('INCR', base .. 'fence'))
    redis.call('SET', lease, token, 'PX', length)
    table.insert(taken, { partition, token })
  end
end
return { { living, share, tonumber(redis.call('GET', base .. 'seq') or '0') }, owned, taken }
