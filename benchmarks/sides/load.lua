-- For wrk: posts photos one after the other, each as a form of one file, and says as one line of JSON what came back.
--   wrk -s load.lua http://ADDRESS -- PATH FIELD LIST [TOKEN]
-- LIST: a file with the path of a photo a line. The forms are made once, before the clock runs.

local forms, number = {}, 0

local function form(file, field)
  local handle = assert(io.open(file, "rb"))
  local content = handle:read("*a")
  handle:close()
  local boundary = "landsightbenchmark"
  local head = "--" .. boundary .. '\r\nContent-Disposition: form-data; name="' .. field .. '"; filename="photo.jpg"\r\n'
  return head .. "Content-Type: image/jpeg\r\n\r\n" .. content .. "\r\n--" .. boundary .. "--\r\n"
end

function init(args)
  local headers = { ["Content-Type"] = "multipart/form-data; boundary=landsightbenchmark", ["Host"] = wrk.host }
  local known = {}
  for file in io.lines(args[3]) do
    known[file] = known[file] or wrk.format("POST", args[1], headers, form(file, args[2]))
    forms[#forms + 1] = known[file]
  end
end

function request()
  number = number % #forms + 1
  return forms[number]
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p90_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
