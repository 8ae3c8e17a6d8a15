/**
 * What Redis does in one step. A log is two keys: a hash (`epoch`, `top`: the newest record, `node` and `until`: the lease, `wanted`:
 * until when somebody else wants it) and a stream whose ids are positions. Numbers are written with `%.0f`: Lua's own form of large
 * ones has an exponent.
 * @module
 */

/** ARGV: operation, node, keep of both keys in ms, then what the operation needs. */
export const SCRIPT = `
local state, stream, op, me, keep = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local got = redis.call('HMGET', state, 'epoch', 'top', 'node', 'until', 'wanted')
local epoch, top, node, left, wanted = tonumber(got[1] or '0'), got[2] or '', got[3] or '', tonumber(got[4] or '0') - now, tonumber(got[5] or '0')
if left <= 0 then node = '' end
local function text(number) return string.format('%.0f', number) end
local function done(answer)
  redis.call('PEXPIRE', state, keep)
  redis.call('PEXPIRE', stream, keep)
  return answer
end
if op == 'acquire' then
  local lease = tonumber(ARGV[4])
  if node ~= '' and node ~= me then
    redis.call('HSET', state, 'wanted', text(now + 2 * lease))
    return {'taken', text(left)}
  end
  epoch = math.max(epoch + 1, now)
  if redis.call('EXISTS', stream) == 1 then
    local info = redis.call('XINFO', 'STREAM', stream)
    for at = 1, #info, 2 do
      if info[at] == 'last-generated-id' then epoch = math.max(epoch, tonumber(string.match(info[at + 1], '^%d+')) + 1) end
    end
  end
  redis.call('HSET', state, 'epoch', text(epoch), 'node', me, 'until', text(now + lease))
  return done({'led', text(epoch), top})
end
if epoch ~= tonumber(ARGV[4]) then return {'fenced'} end
if op == 'renew' then
  if node ~= '' and node ~= me then return {'fenced'} end
  redis.call('HSET', state, 'node', me, 'until', text(now + tonumber(ARGV[5])))
  return done({'done', wanted > now and '1' or '0'})
end
local seq, above = tonumber(ARGV[5]), 0
local of, number = string.match(top, '^(%d+)-(%d+)$')
if of and tonumber(of) == epoch then above = tonumber(number) end
for at = 7, #ARGV, 2 do
  if seq > above then
    top = text(epoch) .. '-' .. text(seq)
    redis.call('XADD', stream, top, 'k', ARGV[at], 'd', ARGV[at + 1])
  end
  seq = seq + 1
end
if top ~= '' then redis.call('HSET', state, 'top', top) end
if ARGV[6] ~= '' then redis.call('XTRIM', stream, 'MINID', ARGV[6]) end
if op == 'release' and node == me then redis.call('HDEL', state, 'node', 'until') end
return done({'done', '0'})
`;
