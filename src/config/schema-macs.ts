import { z } from "zod";
import { list, map, text, url, whole } from "./schema-parts.ts";

/** What mayfly.yml may say of Macs. */

const path = z.string({ error: "must be a path" }).min(1, { error: "must be a path" });

/** NB: softnet takes addresses of IPv4 only. See: openai/tart, `tart run --help`, --net-softnet-allow. */
const allow = list(
  text(
    /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\/(?:3[0-2]|[12]?\d))?$/,
    "must be an IPv4 address, or a network such as 192.168.7.0/24",
  ),
  "must be a list of addresses",
).max(30, { error: "must have at most 30 addresses" });

const allowed =
  "What VMs may reach of private networks besides the guest listener, such as a licence server: addresses, or networks. All else that is private is closed to them.";

export const tart = z.strictObject(
  {
    host: text(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/, "must be a name or an address").describe(
      "The Mac's name or address.",
    ),
    port: whole(1, 65_535).default(22).describe("Where its sshd listens."),
    user: text(/^[A-Za-z0-9_][\w.-]{0,63}$/, "must be the short name of an account").describe(
      "The account on the Mac whose tart makes the VMs.",
    ),
    key: path.describe(
      "File of the private key that is good for Mayfly's program on the Mac, from the folder of mayfly.yml.",
    ),
    knownHosts: path.describe(
      "File with the Mac's own public key, as ssh-keyscan writes it, from the folder of mayfly.yml.",
    ),
    allow: allow.optional().describe(allowed),
  },
  { error: map },
);

export const orchard = z.strictObject(
  {
    url: url.describe("Orchard's controller, such as https://orchard.example.org:6120."),
    credentials: path
      .optional()
      .describe(
        "File of mode 600 with ORCHARD_SERVICE_ACCOUNT_NAME, ORCHARD_SERVICE_ACCOUNT_TOKEN and ORCHARD_VM_PASSWORD, from the folder of mayfly.yml. Left out: they are in the environment.",
      ),
    ca: path
      .optional()
      .describe(
        "File with the certificate of Orchard's controller, or of its authority, PEM, from the folder of mayfly.yml. Left out: those that the system trusts.",
      ),
    vmUser: text(/^[A-Za-z0-9_][\w.-]{0,63}$/, "must be the short name of an account")
      .default("admin")
      .describe("The account in the VM that Orchard signs in with, and that may become root."),
    allow: allow.optional().describe(allowed),
  },
  { error: map },
);

export const tartImage = z.strictObject(
  {
    name: text(
      /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+(?::\w[\w.-]{0,127})?|[A-Za-z0-9][\w.-]{0,99})$/,
      "must be the name of an image in a registry, such as ghcr.io/acme/macos:26, or of a VM on the Mac",
    ).describe("An image in a registry, or a VM on the Mac itself."),
    digest: text(
      /^sha256:[0-9a-f]{64}$/,
      "must be sha256: and 64 hexadecimal digits, as `tart fqn` tells them",
    )
      .optional()
      .describe("Of an image in a registry: what it must be, as `tart fqn` tells it."),
  },
  { error: map },
);
