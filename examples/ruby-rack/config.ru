# A Rack app that shows where it runs. Its gems are in vendor/cache, so that no server of gems is asked.
require "json"

$stdout.sync = true
application = JSON.parse(ENV.fetch("VCAP_APPLICATION", "{}"))

run lambda { |_request|
  name = application.fetch("application_name", "ruby-rack")
  [200, { "Content-Type" => "text/plain" }, ["Hello from #{name}, instance #{ENV.fetch('CF_INSTANCE_INDEX', 0)}\n"]]
}
