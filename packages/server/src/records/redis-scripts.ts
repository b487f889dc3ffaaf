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

/**
 * KEYS: token, record, index of the kind, place, events. ARGV: id, what the index of a tenant begins with, for how many seconds its place is
 * known. @returns whether it was there.
 */
export const removeScript = once(`
  local tenant = redis.call('HGET', KEYS[2], 'tenant')
  if KEYS[5] then redis.call('DEL', KEYS[5]) end
  if not tenant then return 0 end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[4], 'tenant', tenant, 'sequence', redis.call('ZSCORE', KEYS[3], ARGV[1]))
  redis.call('EXPIRE', KEYS[4], ARGV[3])
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('ZREM', ARGV[2] .. tenant, ARGV[1])
  return 1`);

/** KEYS: token, job, events. ARGV: document. @returns its number, or 0 when there is no such job. */
export const appendScript = once(`
  if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
  return redis.call('RPUSH', KEYS[3], ARGV[1])`);

/**
 * KEYS: index, and with a cursor the place that it had when it was removed. ARGV: what the keys of records begin with, order, how many, the
 * cursor, the tenant whose index it is or ''.
 *
 * @returns the documents behind the cursor; none when it was never in the index, or too long ago.
 */
export const listScript = `
  local backwards = ARGV[2] == 'desc'
  local first = backwards and '+inf' or '-inf'
  if KEYS[2] then
    local sequence = redis.call('ZSCORE', KEYS[1], ARGV[4])
    if not sequence then
      local place = redis.call('HMGET', KEYS[2], 'tenant', 'sequence')
      if ARGV[5] == '' or place[1] == ARGV[5] then sequence = place[2] end
    end
    if not sequence then return {} end
    first = '(' .. sequence
  end
  local ids
  if backwards then
    ids = redis.call('ZREVRANGEBYSCORE', KEYS[1], first, '-inf', 'LIMIT', 0, ARGV[3])
  else
    ids = redis.call('ZRANGEBYSCORE', KEYS[1], first, '+inf', 'LIMIT', 0, ARGV[3])
  end
  local documents = {}
  for place, id in ipairs(ids) do
    documents[place] = redis.call('HGET', ARGV[1] .. id, 'document')
  end
  return documents`;
