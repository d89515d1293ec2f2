-- Puts deliveries that were routed anew in the place of the event's unfinished ones.
--
-- ARGV: event id, now (ms), note, most pending ones, `again` or empty, source, reason of those replaced, reason of an unknown outcome,
-- then for each new delivery: id, doc, own arguments or empty, partition, state, reason or empty, error or empty, next (ms) or empty,
-- settled (ms) or empty, `holds` where it stands in a lane though it is parked.
-- Answer: `done`; `none`, `unsendable`, `in flight`, `backlog`, `source backlog`.

local event, at, text, most, again = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == 'again'
local source, superseded, unknown = ARGV[6], ARGV[7], ARGV[8]
local FIRST, FIELDS = 9, 10

local hash = key('event:' .. event)
local found = redis.call('HMGET', hash, 'ids', 'erased_at', 'seq')
if not found[3] then
  return { 'none' }
end
if found[2] then
  return { 'unsendable' }
end

local function place(target)
  return target.namespace .. '\0' .. target.workflow .. '\0' .. target.signal
end

local fresh = {}
local wanted_at = {}
for first = FIRST, #ARGV, FIELDS do
  local it = {
    id = ARGV[first],
    doc = ARGV[first + 1],
    args = ARGV[first + 2],
    part = ARGV[first + 3],
    state = ARGV[first + 4],
    reason = ARGV[first + 5],
    error = ARGV[first + 6],
    next = ARGV[first + 7],
    settled = ARGV[first + 8],
    holds = ARGV[first + 9] == 'holds',
  }
  it.place = place(cjson.decode(it.doc).target)
  wanted_at[it.place] = true
  table.insert(fresh, it)
end

local unfinished, reached, leaving = {}, {}, 0
for id in (found[1] or ''):gmatch('%S+') do
  local it = delivery(id)
  if it and (it.state == 'pending' or it.state == 'parked') then
    local doubtful
    if it.state == 'pending' then
      leaving = leaving + 1
      doubtful = it.flight ~= ''
    else
      doubtful = it.reason == unknown or it.flight ~= ''
    end
    if (doubtful and not again and wanted_at[place(it.doc.target)]) or (it.state == 'pending' and in_flight(it)) then
      return { 'in flight' }
    end
    table.insert(unfinished, it)
  elseif it and it.state == 'delivered' and not again then
    reached[place(it.doc.target)] = true
  end
end

local wanted, arriving = {}, 0
for _, it in ipairs(fresh) do
  if not reached[it.place] then
    table.insert(wanted, it)
    if it.state == 'pending' then
      arriving = arriving + 1
    end
  end
end
local refused = arriving > 0 and no_room(source, arriving - leaving, most)
if refused then
  return refused
end

local partitions = {}
for _, it in ipairs(unfinished) do
  drop(it, superseded, at)
  partitions[it.part] = true
end

local ids, bytes = found[1] or '', 0
for _, it in ipairs(wanted) do
  it.seq = whole(redis.call('INCR', key('seq')))
  local fields = { 'seq', it.seq, 'part', it.part, 'doc', it.doc, 'state', it.state, 'attempts', '0' }
  for _, name in ipairs({ 'args', 'reason', 'error', 'next', 'settled' }) do
    if it[name] ~= '' then
      table.insert(fields, name)
      table.insert(fields, it[name])
    end
  end
  redis.call('HSET', key('delivery:' .. it.id), unpack(fields))
  redis.call('ZADD', key('deliveries'), it.seq, it.id)
  if it.state ~= 'delivered' then
    redis.call('ZADD', key('state:' .. it.state), it.seq, it.id)
  end
  if it.state == 'pending' then
    count_pending(source, 1)
  end
  if it.state == 'pending' or it.holds then
    redis.call('ZADD', key('part:' .. it.part), it.seq, it.id)
    partitions[it.part] = true
  end
  ids = ids == '' and it.id or ids .. ' ' .. it.id
  bytes = bytes + #it.doc + #it.args
end
if #wanted > 0 then
  redis.call('HSET', hash, 'ids', ids)
  redis.call('HINCRBY', hash, 'bytes', bytes)
  redis.call('INCRBY', key('bytes'), bytes)
  redis.call('ZREM', key('unrouted'), event)
end

note(event, text)
return done(partitions, {})
