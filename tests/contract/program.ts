// What an integrator writes with types made from the contract. It is compiled, not run: a line that must not
// compile says so.
import createClient from "openapi-fetch";
import type { components, operations, paths, webhooks } from "./api.js";

type Schemas = components["schemas"];
const client = createClient<paths>({ baseUrl: "http://localhost:3001" });

// The flat form, Google's form, and every kind of field beside.
const flat: Schemas["EventRequest"] = {
    summary: "Tea",
    startDateTime: "2030-01-07T09:00:00",
    endDateTime: "2030-01-07T10:00:00",
    timeZone: "Europe/Berlin",
    attendeeEmail: "ada@example.com",
};
const full: Schemas["EventRequest"] = {
    start: { dateTime: "2030-01-07T09:00:00", timeZone: "Europe/Berlin" },
    end: { dateTime: "2030-01-07T10:00:00", timeZone: "Europe/Berlin" },
    attendees: [{ email: "ada@example.com", responseStatus: "needsAction", optional: true }],
    eventType: "focusTime",
    focusTimeProperties: { autoDeclineMode: "declineNone", chatStatus: "doNotDisturb" },
    outOfOfficeProperties: { declineMessage: "away" },
    workingLocationProperties: { type: "homeOffice", homeOffice: {} },
    birthdayProperties: { type: "birthday" },
    privateCopy: false,
    endTimeUnspecified: false,
    conferenceData: { createRequest: { requestId: "x" } },
    attachments: [{ fileUrl: "https://drive.google.com/open?id=1" }],
    extendedProperties: { private: { order: "17" } },
    reminders: { useDefault: false, overrides: [{ method: "popup", minutes: 10 }] },
    recurrence: ["RRULE:FREQ=DAILY;COUNT=3"],
    colorId: "11",
    visibility: "private",
    transparency: "opaque",
    status: "tentative",
    priority: "bulk",
    sendUpdates: "externalOnly",
    description: null,
};
// @ts-expect-error There is no such priority.
const urgent: Schemas["EventRequest"] = { ...flat, priority: "urgent" };
// @ts-expect-error There is no such colour.
const colour: Schemas["EventRequest"] = { ...flat, colorId: "12" };
// @ts-expect-error A guest has an address.
const nobody: Schemas["EventRequest"] = { ...flat, attendees: [{ displayName: "Ada" }] };
// @ts-expect-error A key that is misspelt.
const misspelt: Schemas["EventRequest"] = { ...flat, sumary: "Tea" };

export async function accepted(): Promise<string> {
    const { data, error } = await client.POST("/api/v1/events", {
        body: flat,
        headers: { "Idempotency-Key": "order-17" },
    });
    if (data === undefined) {
        const type: Schemas["ProblemReply"]["type"] = error.type;
        throw new Error(`${type}: ${error.detail} ${error.errors?.map((entry) => entry.field).join()}`);
    }
    return data.jobId;
}

export async function ended(id: string): Promise<string> {
    const { data } = await client.GET("/api/v1/jobs/{id}", { params: { path: { id }, query: { wait: 25 } } });
    switch (data?.state) {
        case undefined:
            return "no answer";
        case "unknown":
            return data.detail;
        case "succeeded": {
            const status: "pending" | "success" | "failure" | "unavailable" | null | undefined =
                data.result?.conferenceStatus;
            return `${data.result?.eventLink} ${status}`;
        }
        case "failed":
            return `${data.error?.title} ${data.error?.effect === "unknown"}`;
        case "blocked":
            return data.blockedBy === "reauthorization" ? "connect again" : "later";
        case "waiting":
            return data.waitingFor === "operator" ? "ask the operator" : (data.nextAttemptAt ?? "soon");
        case "queued":
        case "running":
        case "cancelled":
            return data.account;
        default: {
            const none: never = data;
            return none;
        }
    }
}

export async function older(): Promise<string | null> {
    const { data } = await client.POST("/api/create-calendar-event", { body: full });
    return data === undefined || "jobId" in data ? null : data.meetLink;
}

export async function accounts(): Promise<string> {
    const connected = await client.GET("/api/v1/accounts", { params: { query: { state: "connected" } } });
    // @ts-expect-error There is no such state.
    await client.GET("/api/v1/accounts", { params: { query: { state: "gone" } } });
    const account = await client.GET("/api/v1/accounts/{account}", { params: { path: { account: "default" } } });
    const state: "connected" | "needsReauthorization" | "disconnected" | undefined = account.data?.state;
    const path = { params: { path: { account: "team-7" } } };
    const link = await client.POST("/api/v1/accounts/{account}/connect-links", path);
    await client.POST("/api/v1/accounts/{account}/connect-links", { ...path, body: { email: "ada@example.com" } });
    const gone = await client.DELETE("/api/v1/accounts/{account}", { params: { path: { account: "team-7" } } });
    const status = await client.GET("/api/calendar-status");
    return `${connected.data?.accounts.length} ${state} ${link.data?.url} ${gone.data?.atGoogle} ${status.data?.authenticated}`;
}

export async function taken(id: string): Promise<"cancelled" | "cancelling" | undefined> {
    return (await client.DELETE("/api/v1/jobs/{id}", { params: { path: { id } } })).data?.state;
}

export function told(notice: Schemas["JobNotice"] | Schemas["AccountNotice"]): string {
    return notice.type === "account.needs_reauthorization" ? notice.data.cause : notice.data.jobId;
}

export type Named = [operations["createEvent"], operations["getJob"], operations["createEventOlder"], webhooks["job"]];
export const unused = [urgent, colour, nobody, misspelt];
