-- Keeps the events of one request with their deliveries, all or none, or finds which of them were kept before. Writes in
-- either case, unless it is refused.
--
-- KEYS[1]: the base of all names.
-- ARGV: 1 id of this replica, 2 source, 3 how many may pend, 4 how many of one source; 5 name of what the events share, empty
-- for one alone, 6 the body that they share, 7 how it reads, 8 its form fields, or empty. Then for each event: how many these
-- are, itself among them; dedup key, event id, digest of its body, received (ms), key expires (ms), for how long the key is kept
-- (ms), `strict` or empty, what all of it weighs, pending ones among its deliveries, how many deliveries, how many of the next are
-- the event's fields, names and values. Then for each delivery: id, partition, state, `stands` where it takes a place in a lane,
-- how many of the next are its fields, names and values.
-- Answer: for each event 0, the place of its first delivery, and for each delivery that stands in a lane the last place before its own that
-- stands in its partition, 0 if none does, -1 if this replica does not work the partition (accepted) · 1, id of the first, 1 if the body is another
-- (duplicate). Or for all of them 2 and 1 if it is the source alone that is full · 3 and the id of the first of a strict key
-- whose body is another.

local FIRST, FIELDS = 9, 12

local base = KEYS[1] .. ':'
local me, source, request = ARGV[1], ARGV[2], ARGV[5]

local function count_repeat(it)
  local name = base .. 'event:' .. it.first
  if redis.call('HEXISTS', name, 'seq') == 1 then
    redis.call('HINCRBY', name, 'duplicates', 1)
    if it.conflict == 1 then
      redis.call('HINCRBY', name, 'conflicts', 1)
    end
  elseif it.known then
    redis.call('SET', it.key, it.known, 'KEEPTTL')
  end
end

-- Looks at all of them before it writes.
local events, taken, fresh, arriving = {}, {}, 0, 0
local at = FIRST
while at <= #ARGV do
  local it = { at = at, key = base .. 'key:' .. ARGV[at + 1], id = ARGV[at + 2], digest = ARGV[at + 3], conflict = 0 }
  local its
  if taken[it.key] then
    it.first, its = taken[it.key].id, taken[it.key].digest
  else
    local known = redis.call('GET', it.key)
    local first, digest, expires = string.match(known or '', '^(%S+) (%S+) (%S+)$')
    if first and tonumber(expires) > tonumber(ARGV[at + 4]) then
      it.known, it.first, its = known, first, digest
    end
  end
  if not it.first then
    taken[it.key] = it
    fresh = fresh + 1
    arriving = arriving + tonumber(ARGV[at + 9])
  elseif it.first == it.id then
    it.place = redis.call('HGET', base .. 'event:' .. it.id, 'seq')
  elseif its ~= it.digest then
    it.conflict = 1
    if ARGV[at + 7] == 'strict' then
      count_repeat(it)
      return { 3, it.first }
    end
  end
  table.insert(events, it)
  at = at + tonumber(ARGV[at])
end

if arriving > 0 then
  local backlog = redis.call('HMGET', base .. 'backlog', '*', source)
  if tonumber(backlog[1] or '0') + arriving > tonumber(ARGV[3]) then
    return { 2, 0 }
  end
  if tonumber(backlog[2] or '0') + arriving > tonumber(ARGV[4]) then
    return { 2, 1 }
  end
  redis.call('HINCRBY', base .. 'backlog', '*', arriving)
  redis.call('HINCRBY', base .. 'backlog', source, arriving)
end
if fresh > 0 and request ~= '' then
  redis.call('SET', base .. 'request:' .. request, ARGV[6])
  redis.call('HSET', base .. 'shared:' .. request, 'content', ARGV[7], 'form', ARGV[8], 'left', fresh, 'whole', fresh)
end

local told, owners = {}, {}
local function keep(it)
  local at = it.at
  local id, received, count = it.id, ARGV[at + 4], tonumber(ARGV[at + 10])
  local place = redis.call('INCRBY', base .. 'seq', 1 + count) - count
  redis.call('SET', it.key, id .. ' ' .. it.digest .. ' ' .. ARGV[at + 5], 'PX', ARGV[at + 6])
  local last = at + FIELDS - 1 + tonumber(ARGV[at + 11])
  redis.call('HSET', base .. 'event:' .. id, 'seq', place, unpack(ARGV, at + FIELDS, last))
  redis.call('ZADD', base .. 'events', received, string.format('%014d', place) .. id)
  redis.call('INCRBY', base .. 'bytes', ARGV[at + 8])
  if count == 0 then
    redis.call('ZADD', base .. 'unrouted', place, id)
  end
  local answer = { 0, place + 1 }
  at = last
  for number = 1, count do
    local seq = place + number
    local delivery, partition, state = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    local stands, last = ARGV[at + 4], at + 5 + tonumber(ARGV[at + 5])
    redis.call('HSET', base .. 'delivery:' .. delivery, 'seq', seq, 'part', partition, 'state', state, unpack(ARGV, at + 6, last))
    redis.call('ZADD', base .. 'deliveries', seq, delivery)
    if state ~= 'delivered' then
      redis.call('ZADD', base .. 'state:' .. state, seq, delivery)
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
      redis.call('ZADD', lane, seq, delivery)
    end
    at = last
  end
  return answer
end

local answers = {}
for _, it in ipairs(events) do
  if it.place then
    -- Sent again after a lost connection. It writes, so that what waits for this connection's writes waits for the first too.
    redis.call('HSET', base .. 'event:' .. it.id, 'seq', it.place)
    table.insert(answers, { 0, tonumber(it.place) + 1 })
  elseif it.first then
    count_repeat(it)
    table.insert(answers, { 1, it.first, it.conflict })
  else
    table.insert(answers, keep(it))
  end
end
return answers
