<?php
// A small app in PHP that shows where it runs; whatever is no file comes here.
$application = json_decode(getenv('VCAP_APPLICATION') ?: '{}', true);
$name = $application['application_name'] ?? 'php';
header('Content-Type: text/plain');
if ($_SERVER['REQUEST_URI'] === '/server') {
    echo PHP_SAPI, "\n";
} else {
    echo "Hello from $name, instance ", getenv('CF_INSTANCE_INDEX') ?: 0, "\n";
}
