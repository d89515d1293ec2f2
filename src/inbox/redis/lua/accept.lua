-- Keeps one event with its deliveries, or finds that it was kept before. Writes in either case, unless it is refused.
--
-- KEYS[1]: the base of all names.
-- ARGV: 1 id of this replica, 2 dedup key, 3 event id, 4 digest of its body, 5 received (ms), 6 key expires (ms), 7 for how
-- long the key is kept (ms), 8 source, 9 how many may pend, 10 how many of one source, 11 pending ones among its deliveries,
-- 12 what all of it weighs, 13 how many deliveries, 14 how many of the next are the event's fields, names and values.
-- Then for each delivery: id, partition, state, `stands` where it takes a place in a lane, how many of the next are its
-- fields, names and values.
-- Answer: 0, the place of its first delivery, and for each delivery that stands in a lane the last place before its own that
-- stands in its partition, 0 if none does, -1 if this replica does not work the partition (accepted) · 1, id of the first, 1 if the body is another (duplicate) ·
-- 2 and 1 if it is the source alone that is full.

local base = KEYS[1] .. ':'
local me, event, digest, source = ARGV[1], ARGV[3], ARGV[4], ARGV[8]
local key = base .. 'key:' .. ARGV[2]

local known = redis.call('GET', key)
if known then
  local first, its, expires = string.match(known, '^(%S+) (%S+) (%S+)$')
  if tonumber(expires) > tonumber(ARGV[5]) then
    local name = base .. 'event:' .. first
    local place = redis.call('HGET', name, 'seq')
    if first == event and place then
      -- Sent again after a lost connection. It writes, so that what waits for this connection's writes waits for the first too.
      redis.call('HSET', name, 'seq', place)
      return { 0, tonumber(place) + 1 }
    end
    local conflict = its ~= digest and 1 or 0
    if place then
      redis.call('HINCRBY', name, 'duplicates', 1)
      if conflict == 1 then
        redis.call('HINCRBY', name, 'conflicts', 1)
      end
    else
      redis.call('SET', key, known, 'KEEPTTL')
    end
    return { 1, first, conflict }
  end
end

local pending, count = tonumber(ARGV[11]), tonumber(ARGV[13])
if pending > 0 then
  local backlog = redis.call('HMGET', base .. 'backlog', '*', source)
  if (tonumber(backlog[1] or '0')) + pending > tonumber(ARGV[9]) then
    return { 2, 0 }
  end
  if (tonumber(backlog[2] or '0')) + pending > tonumber(ARGV[10]) then
    return { 2, 1 }
  end
end

local place = redis.call('INCRBY', base .. 'seq', 1 + count) - count
redis.call('SET', key, event .. ' ' .. digest .. ' ' .. ARGV[6], 'PX', ARGV[7])
local at = 14 + tonumber(ARGV[14])
redis.call('HSET', base .. 'event:' .. event, 'seq', place, unpack(ARGV, 15, at))
redis.call('ZADD', base .. 'events', ARGV[5], string.format('%014d', place) .. event)
redis.call('INCRBY', base .. 'bytes', ARGV[12])
if count == 0 then
  redis.call('ZADD', base .. 'unrouted', place, event)
end
if pending > 0 then
  redis.call('HINCRBY', base .. 'backlog', '*', pending)
  redis.call('HINCRBY', base .. 'backlog', source, pending)
end

local told, owners, answer = {}, {}, { 0, place + 1 }
for number = 1, count do
  local seq = place + number
  local id, partition, state = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local stands, last = ARGV[at + 4], at + 5 + tonumber(ARGV[at + 5])
  redis.call('HSET', base .. 'delivery:' .. id, 'seq', seq, 'part', partition, 'state', state, unpack(ARGV, at + 6, last))
  redis.call('ZADD', base .. 'deliveries', seq, id)
  if state ~= 'delivered' then
    redis.call('ZADD', base .. 'state:' .. state, seq, id)
  end
  if stands ~= '' then
    local lane = base .. 'part:' .. partition
    if not owners[partition] then
      local lease = redis.call('GET', base .. 'lease:' .. partition)
      owners[partition] = lease and string.match(lease, '^(.*):') or ''
    end
    local owner, before = owners[partition], -1
    if owner == me then
      local last = redis.call('ZRANGE', lane, -1, -1, 'WITHSCORES')
      before = tonumber(last[2] or '0')
    elseif owner ~= '' and not told[partition] then
      told[partition] = true
      redis.call('PUBLISH', base .. 'news:' .. owner, partition)
    end
    table.insert(answer, before)
    redis.call('ZADD', lane, seq, id)
  end
  at = last
end
return answer
