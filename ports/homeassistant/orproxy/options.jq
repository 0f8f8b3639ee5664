# orproxy.conf from the add-on's options; keys are in files that run.sh has written.
#   --arg data /data   the folder that stays

# A line cannot hold these: they would be the start of something else.
def value: tostring | if test("[\n\r#]") then error("an option has a # or a line end") else . end;
def line($name; $text): if ($text // "") == "" then empty else "\($name) = \($text | value)" end;
def key($name): "key = file:\($data)/keys/\($name)";

"listen = 0.0.0.0:8787",
"state = \($data)/state",
(if .open then "open = yes" else empty end),

(if (.openrouter_key // "") == "" then empty
 else "", "[provider openrouter]", key("openrouter") end),

(.providers // [] | .[] | "", "[provider \(.name | value)]",
    line("kind"; .kind), line("base_url"; .base_url),
    (if (.key // "") == "" then empty else key(.name) end)),

(if .open then empty
 else "", "[key home]", "key = file:\($data)/keys/client", line("limit"; .monthly_limit),
    (if (.monthly_limit // "") == "" then empty else "limit_reset = monthly" end) end)
