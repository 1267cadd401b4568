-- Takes from limits and seats, all or nothing; or settles, which asks nobody. Times in microseconds of the server.
--
-- KEYS: the limits, then the seats.
-- ARGV: 'take', 'settle' or 'stay'; how many limits; the holder; the lease of a seat in milliseconds;
--       for each limit its interval, tolerance and cost; for each of the seats how many there are.
-- 'stay' renews seats: ARGV has the holders after the lease, KEYS one key of seats.
-- Answer: 0 and how full each limit is now; or the number of what refused, how full it is, and the time to wait.

local SLACK = 1
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local mode, limits, holder, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local now_ms = math.floor(now / 1000)

local function sit(key, who)
  redis.call('ZADD', key, now_ms + lease, who)
  if redis.call('PTTL', key) < lease then
    redis.call('PEXPIRE', key, lease)
  end
end

if mode == 'stay' then
  for at = 5, #ARGV do
    sit(KEYS[1], ARGV[at])
  end
  return {'0'}
end

local ahead, answer = {}, {'0'}
for i = 1, limits do
  local at = 2 + 3 * i
  local interval, tolerance, cost = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local fill = math.max(0, tonumber(redis.call('GET', KEYS[i]) or 0) - now)
  local over = fill + cost * interval - tolerance
  if mode == 'take' and over > SLACK then
    return {tostring(i), string.format('%.3f', fill), string.format('%.3f', over)}
  end
  ahead[i] = math.max(0, fill + cost * interval)
  answer[i + 1] = string.format('%.3f', ahead[i])
end

local first_seats = limits + 1
for i = first_seats, #KEYS do
  if mode == 'take' then
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now_ms)
    local most = tonumber(ARGV[4 + 3 * limits + i - limits])
    if redis.call('ZCARD', KEYS[i]) >= most then
      return {tostring(i), '0', '0'}
    end
  end
end

for i = 1, limits do
  if ahead[i] > 0 then
    redis.call('SET', KEYS[i], string.format('%.3f', now + ahead[i]), 'PX', math.ceil(ahead[i] / 1000) + 1)
  else
    redis.call('DEL', KEYS[i])
  end
end
for i = first_seats, #KEYS do
  if mode == 'take' then
    sit(KEYS[i], holder)
  else
    redis.call('ZREM', KEYS[i], holder)
  end
end
return answer
