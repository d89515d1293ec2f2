-- Gives up a pending or parked delivery.
--
-- ARGV: delivery id, now (ms), note, reason.
-- Answer: `done` and the delivery's fields; `none`, `in flight`, `settled` and its state.

local id, at, text, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local it = delivery(id)
if not it then
  return { 'none' }
end
if it.state ~= 'pending' and it.state ~= 'parked' then
  return { 'settled', it.state }
end
if it.state == 'pending' and in_flight(it) then
  return { 'in flight' }
end

drop(it, reason, at)
note(it.doc.event, text)
return done({ [it.part] = true }, redis.call('HGETALL', key('delivery:' .. id)))
