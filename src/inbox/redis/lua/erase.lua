-- Removes what was sent with an event; keys and what became of its deliveries stay.
--
-- ARGV: event id, now (ms), its new doc, what stands in its place in a body that it shares with others, then for each of its deliveries as the caller saw them: id, new doc.
-- Answer: `done`, and `changed` where it has others by now and nothing was erased; `none`, `pending`.

local event, at, doc, blank = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local FIRST = 5

local hash = key('event:' .. event)
local found = redis.call('HMGET', hash, 'ids', 'erased_at', 'seq')
if not found[3] then
  return { 'none' }
end
if found[2] then
  return done({}, {})
end

local docs = {}
for place = FIRST, #ARGV, 2 do
  docs[ARGV[place]] = ARGV[place + 1]
end
local kept = {}
for id in (found[1] or ''):gmatch('%S+') do
  local state = redis.call('HGET', key('delivery:' .. id), 'state')
  if state == 'pending' then
    return { 'pending' }
  end
  if state and not docs[id] then
    return done({}, { 'changed' })
  end
  if state then
    table.insert(kept, id)
  end
end

local freed = 0
local function put(name, field, value)
  freed = freed + redis.call('HSTRLEN', name, field) - #value
  redis.call('HSET', name, field, value)
end
redis.call('HDEL', hash, 'packed')
put(hash, 'body', '')
put(hash, 'doc', doc)
redis.call('HSET', hash, 'erased_at', at)
local its = redis.call('HMGET', hash, 'request', 'from', 'length')
if its[1] then
  local text, shared = key('request:' .. its[1]), key('shared:' .. its[1])
  -- The others keep theirs: where parts cannot be told apart, each has a copy of its own.
  if redis.call('HINCRBY', shared, 'whole', -1) <= 0 or not its[2] then
    redis.call('SET', text, '')
    redis.call('HSET', shared, 'content', 'binary', 'form', '')
  elseif redis.call('STRLEN', text) > 0 then
    redis.call('SETRANGE', text, its[2], blank)
  end
  redis.call('HDEL', hash, 'from', 'length')
end
for _, id in ipairs(kept) do
  local name = key('delivery:' .. id)
  put(name, 'args', '[]')
  put(name, 'doc', docs[id])
  redis.call('HDEL', name, 'error')
end
redis.call('HINCRBY', hash, 'bytes', -freed)
redis.call('DECRBY', key('bytes'), freed)
return done({}, {})
