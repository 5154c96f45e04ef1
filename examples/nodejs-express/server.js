// A small Express app that shows where it runs.
const express = require("express");

const app = express();
const application = JSON.parse(process.env.VCAP_APPLICATION || "{}");

app.get("/", (request, response) => {
  const name = application.application_name || "nodejs-express";
  response.type("text").send(`Hello from ${name}, instance ${process.env.CF_INSTANCE_INDEX || 0}\n`);
});

app.get("/env", (request, response) => {
  response.json({
    instance_index: process.env.CF_INSTANCE_INDEX,
    instance_guid: process.env.CF_INSTANCE_GUID,
    memory_limit: process.env.MEMORY_LIMIT,
    port: process.env.PORT,
    uris: application.application_uris || [],
  });
});

// Ends the process at once, as a crash would.
app.get("/crash", () => process.exit(1));

const server = app.listen(process.env.PORT || 8080);
process.on("SIGTERM", () => server.close(() => process.exit(0)));
