// What is done in Redis in one step. A connection may break between a write and its answer, and the write is sent again then: each has a
// token under which its answer is kept for a while, so that it is done once.

const once = (work: string) => `
  local answered = redis.call('GET', KEYS[1])
  if answered then return cjson.decode(answered) end
  local function work()
    ${work}
  end
  local answer = work()
  redis.call('SET', KEYS[1], cjson.encode(answer), 'EX', 900)
  return answer`;

/** KEYS: token, record, counter, index of the kind, index of the tenant. ARGV: id, tenant, document. @returns 1, or 0 when taken. */
export const insertScript = once(`
  if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
  local sequence = redis.call('INCR', KEYS[3])
  redis.call('HSET', KEYS[2], 'version', 1, 'tenant', ARGV[2], 'document', ARGV[3])
  redis.call('ZADD', KEYS[4], sequence, ARGV[1])
  redis.call('ZADD', KEYS[5], sequence, ARGV[1])
  return 1`);

/** KEYS: token, record. ARGV: version, document. @returns 1, or 0 when the version is another. */
export const changeScript = once(`
  if redis.call('HGET', KEYS[2], 'version') ~= ARGV[1] then return 0 end
  redis.call('HSET', KEYS[2], 'version', ARGV[1] + 1, 'document', ARGV[2])
  return 1`);

/** KEYS: token, record, index of the kind, events. ARGV: id, what the index of a tenant begins with. @returns whether it was there. */
export const removeScript = once(`
  local tenant = redis.call('HGET', KEYS[2], 'tenant')
  if KEYS[4] then redis.call('DEL', KEYS[4]) end
  if not tenant then return 0 end
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', ARGV[2] .. tenant, ARGV[1])
  return 1`);

/** KEYS: token, job, events. ARGV: document. @returns its number, or 0 when there is no such job. */
export const appendScript = once(`
  if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
  return redis.call('RPUSH', KEYS[3], ARGV[1])`);

/**
 * KEYS: index. ARGV: what the keys of records begin with, order, how many, whether there is a cursor, the cursor.
 *
 * @returns the documents behind the cursor; none when it is not in the index.
 */
export const listScript = `
  local backwards = ARGV[2] == 'desc'
  local first = 0
  if ARGV[4] == '1' then
    local rank = redis.call(backwards and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[5])
    if not rank then return {} end
    first = rank + 1
  end
  local ids = redis.call(backwards and 'ZREVRANGE' or 'ZRANGE', KEYS[1], first, first + ARGV[3] - 1)
  local documents = {}
  for place, id in ipairs(ids) do
    documents[place] = redis.call('HGET', ARGV[1] .. id, 'document')
  end
  return documents`;
