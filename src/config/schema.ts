import { z } from "zod";
import { CONTROLLER_PATTERN } from "../core/name.ts";
import { ARCHITECTURES, OS_NAMES } from "../core/systems.ts";
import { LOG_LEVELS } from "../log.ts";
import { cloudImage, openstack } from "./schema-cloud.ts";
import { orchard, tart, tartImage } from "./schema-macs.ts";
import {
  duration,
  hostName,
  imageName,
  label,
  list,
  listen,
  map,
  oneOf,
  operator,
  repoName,
  size,
  text,
  url,
  whole,
  yesNo,
} from "./schema-parts.ts";

/**
 * What mayfly.yml may say. Each `must` is the rest of a sentence that begins with the key; each description is shown by
 * editors, since docs/mayfly.schema.json is made from here. What has to do with more than one key is in cross.ts.
 */

const host = z.strictObject(
  {
    name: hostName.describe("Your name for this host."),
    driver: oneOf(["vagrant", "openstack", "tart", "orchard", "fake"])
      .default("vagrant")
      .describe(
        "What makes the VMs. With `openstack` the host is a project on a cloud, with `tart` a Mac, with `orchard` many Macs. `fake` runs a program instead, for trying Mayfly out.",
      ),
    provider: oneOf(["libvirt", "virtualbox", "vmware_desktop", "parallels", "qemu", "openstack"])
      .default("libvirt")
      .describe(
        "Vagrant's provider. `openstack` is the old way to a cloud; the driver of that name needs no Vagrant.",
      ),
    hypervisor: oneOf(["kvm", "qemu"])
      .default("kvm")
      .describe("libvirt only: `qemu` is software emulation, for hosts without KVM; slow."),
    machines: whole(1, 10_000).default(2).describe("Most VMs at a time."),
    starting: whole(1, 10_000).default(2).describe("Most VMs that boot at a time."),
    storage: text(/^[\w.-]{1,64}$/, "must be the name of a storage pool, such as default")
      .optional()
      .describe("libvirt only: the storage pool for the disks of VMs. Left out: `default`."),
    cpus: whole(1, 10_000).optional().describe("CPUs for VMs on this host. Left out: not counted."),
    memory: size.optional().describe("Memory for VMs on this host, such as 64 GiB. Left out: not counted."),
    guestUrl: url
      .optional()
      .describe("Where VMs on this host reach the guest listener. Left out: guests.url."),
    openstack: openstack.optional().describe("Driver `openstack` only: where in the cloud."),
    tart: tart.optional().describe("Driver `tart` only: which Mac, and how to get there."),
    orchard: orchard.optional().describe("Driver `orchard` only: where its controller is."),
    command: list(
      z.string({ error: "must be text" }).min(1, { error: "must not be empty" }),
      "must be a list: the program and its arguments",
    )
      .optional()
      .describe("Driver `fake` only: the program, with its arguments, that stands in for a VM."),
  },
  { error: map },
);

const box = z.strictObject(
  {
    // What follows a question mark is for the driver `fake`, see drivers/fake-knobs.ts.
    name: text(
      /^\w[\w.-]*(?:\/[\w.-]+)?(?:\?[\w&=+%.-]+)?$/,
      "must be the name of a box, such as debian/bookworm64",
    )
      .optional()
      .describe("The box's name at Vagrant. With a file: the name to add it under."),
    version: text(/^[\w.-]+$/, 'must be a version in quotes, such as "12.20250126.1"').optional(),
    file: z
      .string({ error: "must be a path" })
      .min(1, { error: "must be a path" })
      .optional()
      .describe("A box file, from the folder of mayfly.yml."),
    sha256: text(
      /^[0-9a-fA-F]{64}$/,
      "must be a SHA-256 digest: 64 hexadecimal digits, in quotes if they are all numbers",
    )
      .optional()
      .describe("Digest of the file (sha256sum)."),
  },
  { error: map },
);

const image = z.strictObject(
  {
    name: imageName.describe("Your name for the image; part of the names of its VMs and runners."),
    os: oneOf(OS_NAMES),
    arch: oneOf(ARCHITECTURES).default("x64"),
    labels: list(label, "must be a list of labels")
      .max(100, { error: "must have at most 100 labels" })
      .describe("What a job may ask for in runs-on. At least one that no other runner of yours has."),
    box: box.optional().describe("What its VMs are made from on hosts with Vagrant."),
    cloudImage: cloudImage.optional().describe("What its VMs are made from on hosts with OpenStack."),
    tartImage: tartImage.optional().describe("What its VMs are made from on Macs."),
    prepared: yesNo
      .default(false)
      .describe(
        "The box holds the guest program and the runner. If not, both are installed at each boot, which is slow. A cloud image and a tart image always hold them.",
      ),
    cpus: whole(1, 256).default(2),
    memory: size.default("4 GiB"),
    mac: text(
      /^(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/,
      'must be a MAC address in quotes, such as "52:54:00:12:34:56"',
    )
      .optional()
      .describe(
        "Fixed address of the VM's network card, for licences that are bound to one. Then one VM at a time.",
      ),
    hosts: list(hostName, "must be a list of host names")
      .optional()
      .describe("Where it may run, best first. Left out: on all hosts."),
    machines: whole(1, 10_000)
      .optional()
      .describe("Most VMs of it at a time. Left out: what its hosts allow."),
    limits: z
      .strictObject(
        {
          boot: duration.default("10m").describe("From the order to the guest program's first call."),
          job: duration.default("6h").describe("Of one job; then its VM is destroyed."),
          idle: duration
            .default("0s")
            .describe("How long a VM that has booted is kept when no job needs it. See also `hot`."),
        },
        { error: map },
      )
      .prefault({}),
  },
  { error: map },
);

const repository = z.strictObject(
  {
    name: repoName.describe("owner/name; the GitHub App must be installed on it."),
    images: list(imageName, "must be a list of image names").describe("Images that its jobs may use."),
    machines: whole(1, 10_000)
      .optional()
      .describe("Most VMs for it at a time. Left out: what the hosts allow."),
    hot: z
      .record(z.string(), whole(0, 1000), { error: "must be a mapping of image names to numbers" })
      .default({})
      .describe("VMs by image that are kept booted and waiting, so that a job starts in seconds."),
    mostHot: z
      .record(z.string(), whole(0, 1000), { error: "must be a mapping of image names to numbers" })
      .default({})
      .describe(
        "Most hot VMs by image that the repository's admins may ask for in its settings. Left out: as many as `hot` says.",
      ),
    registration: oneOf(["jit", "token"])
      .default("jit")
      .describe("`token` is for GitHub servers that have no just-in-time configuration."),
    onGiveUp: oneOf(["wait", "cancel"])
      .default("wait")
      .describe(
        "What becomes of a job that was given up: it waits until somebody cancels it, or GitHub after a day; or its run is cancelled at once.",
      ),
    forks: oneOf(["refuse", "approve", "allow"])
      .optional()
      .describe(
        "What becomes of jobs of a fork's pull request, which run a stranger's program: they get no machine; or none before somebody who may write has approved them on their check run; or one like all others. Left out: `refuse` if the repository is public, else `allow`.",
      ),
  },
  { error: map },
);

const patience = z.strictObject(
  {
    settle: duration
      .optional()
      .describe("How long a VM or runner that a list lacks is not yet believed gone."),
    connect: duration.optional().describe("From the registration to the runner's first appearance online."),
    lost: duration.optional().describe("How long a runner may be offline, or a guest silent."),
    serve: duration.optional().describe("How long a runner may be online without a job although one waits."),
    tries: whole(1, 20).optional().describe("Machines made for one job that may fail before it is given up."),
    giveUp: duration
      .optional()
      .describe("How long a job waits for an image whose machines all fail before it is given up."),
    wait: duration.optional().describe("How long a job waits, whatever the reason, before it is given up."),
    backoff: duration
      .optional()
      .describe("How long a pool waits after a failed machine; twice as long each time."),
    backoffMax: duration.optional(),
  },
  { error: map },
);

export const CATALOGUE_SCHEMA = z.strictObject(
  {
    controller: text(CONTROLLER_PATTERN, "must have 1 to 12 of a–z and 0–9").describe(
      "Your name for this controller; part of the name of every VM and runner. Do not change it while VMs are up.",
    ),
    data: z
      .string({ error: "must be a path" })
      .min(1, { error: "must be a path" })
      .default("/var/lib/mayfly")
      .describe(
        "Folder for the store, the evidence of failures and what the drivers keep. Only one controller may use it.",
      ),
    github: z
      .strictObject(
        {
          url: url.default("https://github.com").describe("Another one for a GitHub Enterprise Server."),
          apiUrl: url.optional().describe("Left out: the one that belongs to url."),
        },
        { error: map },
      )
      .prefault({}),
    intake: oneOf(["webhook", "poll"])
      .default("webhook")
      .describe(
        "How Mayfly hears of jobs. `poll`: it only asks GitHub, so nothing has to reach it: no webhook, no secret, no address.",
      ),
    sweep: z
      .strictObject(
        {
          every: duration
            .optional()
            .describe(
              "How often GitHub is asked which jobs are open, whatever webhooks say. Left out: 5m, with `intake: poll` 30s.",
            ),
        },
        { error: map },
      )
      .prefault({}),
    web: z
      .strictObject(
        {
          listen: listen.default("127.0.0.1:3000").describe("Where webhooks and people come in."),
          url: url
            .optional()
            .describe(
              "The same as people's browsers reach it, such as https://mayfly.example.org. Signing in needs it, and check runs then lead to the pages.",
            ),
        },
        { error: map },
      )
      .prefault({}),
    operators: z
      .array(operator, { error: "must be a list of logins and teams" })
      .default([])
      .describe(
        "Who may see everything on the pages and do something there: logins at GitHub, and teams as organisation/team.",
      ),
    relay: z
      .strictObject(
        {
          // NB: what is wrong with it is said in relay.ts, which does not quote it.
          url: z
            .string({ error: "must be an address" })
            .optional()
            .describe(
              "Where webhooks are listened for when GitHub cannot reach this machine: a channel of smee.io or of your own mayfly relay. Whoever knows it can listen too, so RELAY_URL in the environment is the better place, and comes first.",
            ),
        },
        { error: map },
      )
      .prefault({}),
    guests: z
      .strictObject(
        {
          listen: listen
            .default("0.0.0.0:8443")
            .describe("Where VMs ask for work, over HTTPS. Only they need to reach it."),
          url: url
            .optional()
            .describe("The same address as seen from inside a VM, such as https://192.168.121.1:8443."),
        },
        { error: map },
      )
      .prefault({}),
    evidence: z
      .strictObject(
        {
          days: whole(1, 3650)
            .default(14)
            .describe("How long logs of failed machines, and what happened to each job, are kept."),
        },
        { error: map },
      )
      .prefault({}),
    history: z
      .strictObject(
        {
          days: whole(1, 3650)
            .default(100)
            .describe("How long it is known which jobs and machines there were, for history and report."),
        },
        { error: map },
      )
      .prefault({}),
    log: z
      .strictObject(
        {
          level: oneOf(LOG_LEVELS).default("info").describe("LOG_LEVEL in the environment comes first."),
        },
        { error: map },
      )
      .prefault({}),
    patience: patience.prefault({}).describe("How long to believe, wait and try. The defaults are good."),
    hosts: list(host, "must be a list of hosts, one at least"),
    images: list(image, "must be a list of images, one at least"),
    repositories: list(repository, "must be a list of repositories, one at least"),
  },
  { error: map },
);

export const HOST_SCHEMA = host;
export const IMAGE_SCHEMA = image;
export const REPOSITORY_SCHEMA = repository;

export type CatalogueFile = z.output<typeof CATALOGUE_SCHEMA>;
export type HostEntry = z.output<typeof host>;
export type ImageEntry = z.output<typeof image>;
export type RepositoryEntry = z.output<typeof repository>;

/** The JSON schema of mayfly.yml, as it is written. */
export const jsonSchema = () => z.toJSONSchema(CATALOGUE_SCHEMA, { io: "input", reused: "inline" });

/** The file for editors: docs/mayfly.schema.json, which `npm run schema` writes. */
export function schemaText(): string {
  const { $schema, ...schema } = jsonSchema();
  const title = "mayfly.yml, the catalogue of Mayfly: hosts, images and repositories";
  return `${JSON.stringify({ $schema, title, ...schema }, undefined, 2)}\n`;
}
