// Google's Node client against the sandbox at SANDBOX_URL: one event's whole life, and each refusal of refusals.json as
// the client's error shows it. A refusal without `message` there has words of the sandbox's own.
//
// Prints one `ok` line a step and ends with status 1 at the first difference. Needs googleapis (npm) in NODE_PATH.
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { google } = require("googleapis");

const SANDBOX = process.env.SANDBOX_URL.replace(/\/$/, "");
const BASE = {
  summary: "From Google's own client",
  start: { dateTime: "2026-12-30T14:00:00", timeZone: "Asia/Kolkata" },
  end: { dateTime: "2026-12-30T15:00:00", timeZone: "Asia/Kolkata" },
};

async function sandbox(path, body) {
  const init = body && { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const reply = await fetch(SANDBOX + path, init);
  assert.ok(reply.ok, `${path}: ${reply.status}`);
  return reply.json();
}

function expect(step, got, wanted) {
  assert.deepEqual(got, wanted, step);
  console.log(`ok ${step}`);
}

/** Status and entries of a call that must be refused. */
async function refusal(call) {
  try {
    return { stored: (await call).data };
  } catch (error) {
    const told = error.response?.data?.error;
    if (!told) throw error;
    return { status: error.response.status, message: told.message, errors: told.errors };
  }
}

const reason = async (call) => {
  const { status, errors } = await refusal(call);
  return [status, errors?.[0].reason];
};

async function events() {
  const { web } = await sandbox("/_sandbox/credentials");
  const tokens = await sandbox("/_sandbox/tokens", {});
  const auth = new google.auth.OAuth2({
    clientId: web.client_id,
    clientSecret: web.client_secret,
    endpoints: { oauth2TokenUrl: web.token_uri },
  });
  // No access token: the client's first act is to refresh, which is tried here too.
  auth.setCredentials({ refresh_token: tokens.refresh_token });
  return google.calendar({ version: "v3", auth, rootUrl: `${SANDBOX}/`, retry: false }).events;
}

async function life(events) {
  const calendarId = "primary";
  const eventId = randomUUID().replaceAll("-", "");
  const requestBody = { ...BASE, id: eventId, extendedProperties: { private: { origin: eventId } } };
  const { data: made } = await events.insert({ calendarId, requestBody });
  expect("insert with an own id", [made.id, made.status], [eventId, "confirmed"]);
  expect("insert again", await reason(events.insert({ calendarId, requestBody })), [409, "duplicate"]);
  expect("get", (await events.get({ calendarId, eventId })).data, made);
  const { data: listed } = await events.list({ calendarId, privateExtendedProperty: [`origin=${eventId}`] });
  expect("list", listed.items.map((event) => event.id), [eventId]);
  const { data: patched } = await events.patch({ calendarId, eventId, requestBody: { summary: "Patched" } });
  expect("patch", [patched.summary, patched.start], ["Patched", made.start]);
  await events.delete({ calendarId, eventId });
  expect("delete again", await reason(events.delete({ calendarId, eventId })), [410, "deleted"]);
  expect("get a deleted event", (await events.get({ calendarId, eventId })).data.status, "cancelled");
}

async function refusals(events) {
  for (const wanted of JSON.parse(readFileSync(join(__dirname, "refusals.json"), "utf8"))) {
    const requestBody = { ...BASE, ...wanted.body };
    const got = await refusal(events.insert({ calendarId: "primary", requestBody, conferenceDataVersion: 1 }));
    const pick = (from, names) => Object.fromEntries(names.map((name) => [name, from?.[name] ?? null]));
    if (wanted.stored) {
      expect(wanted.name, pick(got.stored ?? got, Object.keys(wanted.stored)), wanted.stored);
      continue;
    }
    const known = (got.errors ?? []).map((entry, at) => pick(entry, Object.keys(wanted.errors[at] ?? entry)));
    expect(wanted.name, [got.status, got.message, known], [400, got.errors?.[0].message, wanted.errors]);
  }
}

async function main() {
  await sandbox("/_sandbox/quota", { calendarPerSecond: 1000 });
  const client = await events();
  await life(client);
  await refusals(client);
}

main().catch((error) => {
  console.log(`FAILED ${error.message}`);
  process.exit(1);
});
