-- Removes settled events past their retention, oldest first: one short step.
--
-- ARGV: replica id, received before (ms), most bytes that all may weigh or empty, most events to look at, most bytes to remove, then the
-- place behind which to begin, if not with the oldest: received at (ms), seq (14 digits).
-- Answer: `not ours` where another replica works partition 0; else `more` or `end`, how many were removed, how many were passed because
-- something of them is pending or parked, the bytes of their bodies, and the place of the last one looked at (empty: none).

-- Deliveries looked at in one step; one more event than fits is still whole.
local MOST_DELIVERIES = 1000

local replica, till, size = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local most, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local at, seq = ARGV[6], ARGV[7]

local lease = redis.call('GET', key('lease:0'))
if not lease or lease:match('^(.*):') ~= replica then
  return { 'not ours' }
end

local function ids_of(text)
  local ids = {}
  for id in (text or ''):gmatch('%S+') do
    table.insert(ids, id)
  end
  return ids
end

local function is_held(ids)
  for _, id in ipairs(ids) do
    local state = redis.call('HGET', key('delivery:' .. id), 'state')
    if state == 'pending' or state == 'parked' then
      return true
    end
  end
  return false
end

-- What it shared with others goes with the last of them.
local function leave(request)
  local shared = key('shared:' .. request)
  if redis.call('HINCRBY', shared, 'left', -1) <= 0 then
    redis.call('UNLINK', shared, key('request:' .. request))
  end
end

local function remove(member, event, ids, request)
  if request then
    leave(request)
  end
  for _, id in ipairs(ids) do
    redis.call('UNLINK', key('delivery:' .. id))
    redis.call('ZREM', key('deliveries'), id)
    redis.call('ZREM', key('state:dropped'), id)
  end
  redis.call('ZREM', key('unrouted'), event)
  redis.call('ZREM', events, member)
  redis.call('UNLINK', key('event:' .. event), key('notes:' .. event))
end

local first = at and before(at, seq, true) or 0
local found = redis.call('ZRANGE', events, first, first + most - 1, 'WITHSCORES')
local weight = tonumber(redis.call('GET', key('bytes')) or '0')
local removed, passed, passed_bytes, freed, looked = 0, 0, 0, 0, 0
local answer = #found < 2 * most and 'end' or 'more'
local last_at, last_seq = '', ''
for place = 1, #found, 2 do
  local member, received = found[place], found[place + 1]
  if tonumber(received) >= till and not (size and weight - freed > size) then
    answer = 'end'
    break
  end
  if freed >= most_bytes or looked >= MOST_DELIVERIES then
    answer = 'more'
    break
  end
  local event = member:sub(15)
  local hash = key('event:' .. event)
  local fields = redis.call('HMGET', hash, 'ids', 'bytes', 'packed', 'length', 'request')
  local ids = ids_of(fields[1])
  looked = looked + #ids
  if is_held(ids) then
    passed = passed + 1
    passed_bytes = passed_bytes + (tonumber(fields[3] or fields[4] or nil) or redis.call('HSTRLEN', hash, 'body'))
  else
    remove(member, event, ids, fields[5])
    removed = removed + 1
    freed = freed + (tonumber(fields[2] or nil) or 0)
  end
  last_at, last_seq = received, member:sub(1, 14)
end
if freed > 0 then
  redis.call('DECRBY', key('bytes'), freed)
end
return { answer, tostring(removed), tostring(passed), tostring(passed_bytes), last_at, last_seq }
