-- Writes what the names mean, at first start; a store that has it is left as it is.
--
-- In:  KEYS[1] the base `{PREFIX}`; ARGV schema, partitions, now (ms).
-- Out: { program, schema, partitions, created_at } as they stand afterwards; a part that is missing is an empty text.

local meta = KEYS[1] .. ':meta'

if redis.call('EXISTS', meta) == 0 then
  redis.call('HSET', meta, 'program', 'signalpost', 'schema', ARGV[1], 'partitions', ARGV[2], 'created_at', ARGV[3])
end

local fields = redis.call('HMGET', meta, 'program', 'schema', 'partitions', 'created_at')
for i = 1, 4 do
  fields[i] = fields[i] or ''
end
return fields
