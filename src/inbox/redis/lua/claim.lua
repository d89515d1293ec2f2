-- Claiming a head: from here on it may have been sent.

-- Takes: partition, token, id, `whole` where its document is wanted too, now (ms).
-- Answers what may have changed of it: flight as it was, attempts, first, next, error, run; then document and arguments.
local function claim()
  local partition, token, id, whole, now = take(), take(), take(), take(), take()
  if not is_held(partition, token) then
    return LOST
  end
  local name = base .. 'delivery:' .. id
  local found
  if whole == '' then
    found = redis.call('HMGET', name, 'state', 'flight', 'attempts', 'first', 'next', 'error', 'run')
  else
    found = redis.call('HMGET', name, 'state', 'flight', 'attempts', 'first', 'next', 'error', 'run', 'doc', 'args')
  end
  if found[1] ~= 'pending' then
    return GONE
  end
  if found[4] then
    redis.call('HSET', name, 'flight', token)
  else
    redis.call('HSET', name, 'flight', token, 'first', now)
  end
  return found
end
