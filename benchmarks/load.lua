-- Requests for wrk. Arguments: method, a file of paths, a file of header lines, a file with the body,
-- the start of every Idempotency-Key ("" for none). Says what it measured as one line of JSON.

local method, head, body, key_prefix, paths
local count = 0

local function read(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(arguments)
  method = arguments[1]
  paths = {}
  for path in read(arguments[2]):gmatch("[^\n]+") do
    paths[#paths + 1] = path
  end
  head = " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\n"
  for line in read(arguments[3]):gmatch("[^\n]+") do
    head = head .. line .. "\r\n"
  end
  body = read(arguments[4])
  if #body > 0 then
    head = head .. "Content-Length: " .. #body .. "\r\n"
  end
  key_prefix = arguments[5] or ""
  math.randomseed(os.time())
end

function request()
  local key = ""
  if key_prefix ~= "" then
    count = count + 1
    key = "Idempotency-Key: " .. key_prefix .. count .. "\r\n"
  end
  return method .. " " .. paths[math.random(#paths)] .. head .. key .. "\r\n" .. body
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'MEASURED {"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
