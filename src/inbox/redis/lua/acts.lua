-- What all actions of operators share; `acting` puts it before each of them.
--
-- KEYS[1]: the base of all names. Every action checks first and writes afterwards: a refused one has changed nothing. Its first write
-- takes something away where it can: a server that is full lets such a script run to its end, and refuses any other.
-- Answers are lists of text; the first is `done` or the name of the refusal.

local base = KEYS[1]

-- Lines that a log or a list of notes keeps at most.
local KEPT = 1000

local function key(name)
  return base .. ':' .. name
end

local function whole(number)
  return string.format('%.0f', number)
end

-- What may change of a delivery, and where it stands; nil where there is none.
local function delivery(id)
  local found = redis.call('HMGET', key('delivery:' .. id), 'state', 'flight', 'reason', 'part', 'seq', 'doc')
  if not found[1] then
    return nil
  end
  return {
    id = id,
    state = found[1],
    flight = found[2] or '',
    reason = found[3],
    part = found[4],
    seq = found[5],
    doc = cjson.decode(found[6]),
  }
end

-- An attempt of the one who works its partition has it.
local function in_flight(it)
  return it.flight ~= '' and it.flight == redis.call('GET', key('lease:' .. it.part))
end

-- For the one who works the partition: what happened to its lanes besides arrivals and settlements.
local function log(it, what)
  local version = redis.call('INCR', key('version:' .. it.part))
  local lines = key('log:' .. it.part)
  redis.call('RPUSH', lines, whole(version) .. ' ' .. what .. ' ' .. it.seq .. ' ' .. it.id)
  redis.call('LTRIM', lines, -KEPT, -1)
end

local function note(event, text)
  local notes = key('notes:' .. event)
  redis.call('RPUSH', notes, text)
  redis.call('LTRIM', notes, -KEPT, -1)
end

local function count_pending(source, change)
  redis.call('HINCRBY', key('backlog'), '*', change)
  redis.call('HINCRBY', key('backlog'), source, change)
end

-- The refusal where so many more pending ones are too many, of all or of the source; nil where there is room.
local function no_room(source, arriving, most)
  if arriving <= 0 then
    return nil
  end
  local pending = redis.call('HMGET', key('backlog'), '*', source)
  if tonumber(pending[1] or '0') + arriving > most then
    return { 'backlog' }
  end
  if tonumber(pending[2] or '0') + arriving > math.ceil(most / 2) then
    return { 'source backlog' }
  end
  return nil
end

-- A pending or parked one is given up.
local function drop(it, reason, at)
  local hash = key('delivery:' .. it.id)
  redis.call('ZREM', key('state:' .. it.state), it.id)
  redis.call('HDEL', hash, 'next', 'flight')
  redis.call('HSET', hash, 'state', 'dropped', 'reason', reason, 'settled', at)
  redis.call('ZADD', key('state:dropped'), it.seq, it.id)
  redis.call('ZREM', key('part:' .. it.part), it.id)
  if it.state == 'pending' then
    count_pending(it.doc.source, -1)
  end
  log(it, 'dropped')
end

-- Tells those who work these partitions (names, in a table's keys). Returns `done`, then what is in `more`.
local function done(partitions, more)
  for part in pairs(partitions) do
    local lease = redis.call('GET', key('lease:' .. part))
    if lease then
      redis.call('PUBLISH', key('news:' .. lease:match('^(.*):')), part)
    end
  end
  local answer = { 'done' }
  for _, text in ipairs(more) do
    table.insert(answer, text)
  end
  return answer
end
