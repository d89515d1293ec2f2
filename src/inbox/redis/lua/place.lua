-- Places among the events, which lie in order of receipt; put before `page` and `sweep`.
--
-- KEYS[1]: the base of all names.

local base = KEYS[1]

local function key(name)
  return base .. ':' .. name
end

local events = key('events')

-- How many events lie before the place (received at, in ms; seq, 14 digits); `with`: itself among them.
local function before(at, seq, with)
  local low = redis.call('ZCOUNT', events, '-inf', '(' .. at)
  local high = redis.call('ZCOUNT', events, '-inf', at)
  -- Of one millisecond there may be thousands: halved, not walked.
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = redis.call('ZRANGE', events, middle, middle)[1]:sub(1, 14)
    if other < seq or (with and other == seq) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end
