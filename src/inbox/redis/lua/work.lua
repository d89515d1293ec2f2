-- Settlements, then claims, then leases given back: all that a replica does for its lanes, in the order it was said.
--
-- KEYS[1]: the base of all names. ARGV: how many settlements, these; how many claims, these; how many leases, each as
-- partition, token.
-- Answer: a list of each. A settlement or claim: 1 where its lease has ended, 2 where it is not pending any more; else 0, or
-- what was claimed. A lease: 1 if it was ours and is free now.

local function free()
  local partition, token = take(), take()
  if not is_held(partition, token) then
    return 0
  end
  redis.call('DEL', base .. 'lease:' .. partition)
  leases[partition] = false
  redis.call('PUBLISH', base .. 'free', partition)
  return 1
end

local function each(step)
  local answers = {}
  for number = 1, tonumber(take()) do
    answers[number] = step()
  end
  return answers
end

local settled = each(settle)
local claimed = each(claim)
return { settled, claimed, each(free) }
