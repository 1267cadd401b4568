-- Runs before the transcoder on requests and after it on answers.
--
-- A route says in its metadata what it is: `rest` (transcoded), `keyed` (needs a credential), `max_body_bytes`,
-- `anthropic` (its callers read Anthropic's errors).
-- ERROR_BODIES and ANTHROPIC_ERROR_BODIES, from HTTP status to JSON text, are written above this file when the
-- configuration is rendered.
-- What is refused here gets its body from local_reply_config, as every other answer of Envoy's own.

local GRPC_HEADERS = {
  "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding", "grpc-accept-encoding",
}

local CALL_HEADERS = { "grpc-timeout", "grpc-encoding", "grpc-accept-encoding" }
-- What the transcoder's call means by these is not for an HTTP client to say, and a wrong one would break it.

-- Whether every byte above ASCII is part of a well-formed character (RFC 3629).
local function is_utf8(text)
  if not text:find("[\128-\255]") then
    return true
  end
  text = text:gsub("[\194-\223][\128-\191]", ".")
  text = text:gsub("\224[\160-\191][\128-\191]", "."):gsub("\237[\128-\159][\128-\191]", ".")
  text = text:gsub("[\225-\236\238\239][\128-\191][\128-\191]", ".")
  text = text:gsub("\240[\144-\191][\128-\191][\128-\191]", "."):gsub("\244[\128-\143][\128-\191][\128-\191]", ".")
  text = text:gsub("[\241-\243][\128-\191][\128-\191][\128-\191]", ".")
  return not text:find("[\128-\255]")
end

-- The query, with what is escaped in it as bytes: the transcoder puts its values into protobuf strings.
local function query_of(path)
  local query = path:match("%?(.*)") or ""
  return (query:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

local function refuse(handle, status)
  handle:respond({ [":status"] = status }, "")
end

local function has_credential(headers)
  if headers:get("authorization") or headers:get("x-api-key") then
    return true
  end
  local cookie = headers:get("cookie")
  return cookie and cookie:find("__Host-raseed_session=", 1, true)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  -- One id for access log, core and client, in the form that clients of this API know.
  local id = headers:get("x-request-id")
  if id then
    headers:replace("x-request-id", "req_" .. (id:gsub("-", "")))
  end

  local route = handle:metadata()
  if not route:get("rest") then
    return
  end
  -- Every id in a path is ASCII. Escaped or raw bytes above it could be no UTF-8, which a protobuf string must be.
  local path = headers:get(":path")
  if path:find("^[^?]*%%[89a-fA-F]%x") or path:find("^[^?]*[\128-\255]") then
    return refuse(handle, "404")
  end
  local content_type = headers:get("content-type")
  if not is_utf8(query_of(path)) or (content_type and not is_utf8(content_type)) then
    return refuse(handle, "400")
  end
  for _, name in ipairs(CALL_HEADERS) do
    headers:remove(name)
  end
  -- Before the body: a caller without a credential must not make us buffer megabytes.
  if route:get("keyed") and not has_credential(headers) then
    return refuse(handle, "401")
  end
  -- Nothing behind this listener inflates: a small body cannot become a large one.
  local encoding = headers:get("content-encoding")
  if encoding and encoding:lower() ~= "identity" then
    return refuse(handle, "415")
  end
  local length, limit = headers:get("content-length"), route:get("max_body_bytes")
  if length and limit and (tonumber(length) or 0) > limit then
    return refuse(handle, "413")
  end
end

function envoy_on_response(handle)
  if not handle:metadata():get("rest") then
    return
  end
  local headers = handle:headers()
  local status = headers:get("x-http-status")
  local grpc_status = headers:get("grpc-status")
  if status and status:match("^[2-5]%d%d$") then
    -- The core's own answer, error or not: its HttpBody is the body.
    headers:replace(":status", status)
  elseif grpc_status and grpc_status ~= "0" then
    -- The call failed below the level where the core writes answers; the transcoder chose the status. The text of the
    -- failure is for our logs, not for the caller.
    local http_status = headers:get(":status")
    headers:replace("content-type", "application/json")
    if http_status == "503" then
      headers:replace("retry-after", RETRY_AFTER_S)
    end
    local bodies = handle:metadata():get("anthropic") and ANTHROPIC_ERROR_BODIES or ERROR_BODIES
    handle:body(true):setBytes(bodies[http_status] or bodies["500"])
  end
  headers:remove("x-http-status")
  for _, name in ipairs(GRPC_HEADERS) do
    headers:remove(name)
  end
end
