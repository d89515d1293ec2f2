-- Tries a parked delivery again, or ends the wait of a pending one.
--
-- ARGV: delivery id, now (ms), note, most pending ones, reason of an unknown outcome, then the reasons of rendering.
-- Answer: `done` and the delivery's fields; `none`, `in flight`, `settled` and its state, `unsendable`, `backlog`, `source backlog`.

local id, at, text, most, unknown = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local it = delivery(id)
if not it then
  return { 'none' }
end
local hash = key('delivery:' .. id)

if it.state == 'pending' then
  if in_flight(it) then
    return { 'in flight' }
  end
  redis.call('HSET', hash, 'next', at)
  log(it, 'hurried')
elseif it.state == 'parked' then
  local target = it.doc.target
  local rendered = target.workflow ~= '' and target.signal ~= ''
  for place = 6, #ARGV do
    rendered = rendered and ARGV[place] ~= it.reason
  end
  if not rendered or redis.call('HEXISTS', key('event:' .. it.doc.event), 'erased_at') == 1 then
    return { 'unsendable' }
  end
  local refused = no_room(it.doc.source, 1, most)
  if refused then
    return refused
  end
  redis.call('ZREM', key('state:parked'), id)
  redis.call('HSET', hash, 'state', 'pending', 'next', at)
  redis.call('HDEL', hash, 'reason', 'settled')
  -- Only one parked as unknown may have arrived, or one of a copy of the store; the end of any other was seen.
  if it.reason == unknown or it.flight ~= '' then
    redis.call('HSET', hash, 'flight', '?')
  else
    redis.call('HDEL', hash, 'flight')
  end
  redis.call('ZADD', key('state:pending'), it.seq, id)
  redis.call('ZADD', key('part:' .. it.part), it.seq, id)
  count_pending(it.doc.source, 1)
  log(it, 'returned')
else
  return { 'settled', it.state }
end

note(it.doc.event, text)
return done({ [it.part] = true }, redis.call('HGETALL', key('delivery:' .. id)))
