/**
 * What Orchard's controller takes and answers, as JSON schemas: a transcript, of two commits, in our own words, of the part that we use,
 * since its description is not free (FSL-1.1-ALv2). What is no key here is refused, so that a slip of ours shows.
 * See: openai/orchard, api/openapi.yaml (25d8d9d and 01bf2d7, both of 2026), and pkg/resource/v1/v1.go and worker.go for `noClipboard`,
 * `last_seen`, `scheduling_paused`, `uid`, which that leaves out.
 */

/** What differs between the commits, and how a Mac's tart is started by it. NB: the later one gives neither unless it is asked to. */
export const VERSIONS = {
  "25d8d9d": {
    fields: ["noAudio", "noClipboard"],
    tartFlags: ({ noAudio, noClipboard }) => [
      ...(noAudio === true ? ["--no-audio"] : []),
      ...(noClipboard === true ? ["--no-clipboard"] : []),
    ],
  },
  "01bf2d7": {
    fields: ["audio", "clipboard"],
    tartFlags: ({ audio, clipboard }) => [
      ...(audio === true ? [] : ["--no-audio"]),
      ...(clipboard === true ? [] : ["--no-clipboard"]),
    ],
  },
} as const satisfies Record<
  string,
  { fields: readonly string[]; tartFlags: (vm: Record<string, unknown>) => string[] }
>;
export type Version = keyof typeof VERSIONS;

const text = { type: "string" };
const yesNo = { type: "boolean" };
const count = { type: "integer", minimum: 0 };
const amounts = { type: "object", additionalProperties: { type: "integer" } };
const addresses = { type: "array", items: { type: "string", pattern: "^[0-9.]+/[0-9]+$" } };

const spec = {
  os: { enum: ["darwin", "linux"] },
  arch: { enum: ["arm64", "amd64"] },
  runtime: { enum: ["tart", "vetu"] },
  image: { type: "string", minLength: 1 },
  imagePullPolicy: { enum: ["IfNotPresent", "Always"] },
  cpu: count,
  memory: count,
  headless: yesNo,
  noAudio: yesNo,
  noClipboard: yesNo,
  audio: yesNo,
  clipboard: yesNo,
  netSoftnet: yesNo,
  netSoftnetAllow: addresses,
  username: text,
  password: text,
  restart_policy: { enum: ["Never", "OnFailure"] },
  resources: amounts,
};

/** POST /vms. NB: names become names of files on the Macs. See: internal/simplename. */
export const NEW_VM = {
  type: "object",
  required: ["name", "image"],
  additionalProperties: false,
  properties: { name: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9.-]*$" }, ...spec },
};

/** GET /vms. */
export const VMS = {
  type: "array",
  items: {
    type: "object",
    required: ["name", "status"],
    additionalProperties: false,
    properties: {
      name: text,
      ...spec,
      status: { enum: ["pending", "running", "failed"] },
      status_message: text,
      worker: text,
      uid: text,
    },
  },
};

/** GET /workers. */
export const WORKERS = {
  type: "array",
  items: {
    type: "object",
    required: ["name"],
    additionalProperties: false,
    properties: { name: text, last_seen: text, scheduling_paused: yesNo, resources: amounts },
  },
};

/** GET /vms/{name}/events, its query and its answer. */
export const EVENTS_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: {
    order: { enum: ["asc", "desc"] },
    limit: { type: "string", pattern: "^[1-9][0-9]*$" },
    cursor: text,
  },
};
export const EVENTS = {
  type: ["array", "null"],
  items: {
    type: "object",
    additionalProperties: false,
    properties: { kind: text, payload: text, timestamp: { type: "integer" } },
  },
};

/** GET /vms/{name}/exec: its query, and a frame of its client. */
export const EXEC_QUERY = {
  type: "object",
  required: ["command"],
  additionalProperties: false,
  properties: {
    command: { type: "string", minLength: 1 },
    interactive: { enum: ["true", "false"] },
    wait: { type: "string", pattern: "^[0-9]{1,5}$" },
  },
};
export const STDIN_FRAME = {
  type: "object",
  required: ["type", "data"],
  additionalProperties: false,
  properties: { type: { const: "stdin" }, data: { type: "string", pattern: "^[A-Za-z0-9+/]*={0,2}$" } },
};
